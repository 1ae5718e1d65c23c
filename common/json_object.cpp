// JsonObject of json.h.
#include <cmath>
#include <utility>

#include "common/error.h"
#include "common/json.h"
#include "common/suggest.h"
#include "common/text.h"

namespace rankscope {
namespace {

std::string number_text(std::int64_t value) { return std::to_string(value); }
std::string number_text(std::uint64_t value) { return std::to_string(value); }
std::string number_text(double value) { return Json(value).dump(); }

// "must be KIND", with the bounds that are not the type's own.
template <typename Number>
std::string expectation(const std::string& kind, Number min, Number max) {
  using Limits = std::numeric_limits<Number>;
  const bool bounded_below = min != Limits::lowest() || Limits::lowest() == 0;
  const bool bounded_above = max != Limits::max();
  std::string text = "must be " + kind;
  if (bounded_below && bounded_above) {
    text += " from " + number_text(min) + " to " + number_text(max);
  } else if (bounded_below) {
    text += " of at least " + number_text(min);
  } else if (bounded_above) {
    text += " of at most " + number_text(max);
  }
  return text;
}

bool as_int(const Json& value, std::int64_t& out) {
  if (!value.is_number_integer()) return false;
  if (value.is_number_unsigned() &&
      !std::in_range<std::int64_t>(value.get_ref<const Json::number_unsigned_t&>())) {
    return false;
  }
  out = value.get<std::int64_t>();
  return true;
}

}  // namespace

JsonObject::JsonObject(const Json& object, std::string where, Nulls nulls)
    : JsonObject(object, std::move(where), "", nulls) {}

JsonObject::JsonObject(const Json& object, std::string where, std::string prefix, Nulls nulls)
    : object_(&object), where_(std::move(where)), prefix_(std::move(prefix)), nulls_(nulls) {
  if (!object.is_object()) {
    throw InputError(where_ + ": must be a JSON object, not " + json_excerpt(object));
  }
}

void JsonObject::fail(const std::string& key, const std::string& message) const {
  throw InputError(where_ + ": field '" + printable(prefix_ + key) + "': " + message);
}

const Json* JsonObject::find(const std::string& key) {
  asked_.insert(key);
  const auto found = object_->find(key);
  if (found == object_->end()) return nullptr;
  if (nulls_ == Nulls::kAbsent && found->is_null()) return nullptr;
  return &*found;
}

bool JsonObject::has(const std::string& key) { return find(key) != nullptr; }

const Json& JsonObject::need(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) fail(key, "is missing");
  return *value;
}

std::int64_t JsonObject::get_int(const std::string& key, std::int64_t min, std::int64_t max) {
  const Json& value = need(key);
  std::int64_t number = 0;
  if (!as_int(value, number) || number < min || number > max) {
    fail(key, expectation("an integer", min, max) + ", not " + json_excerpt(value));
  }
  return number;
}

std::int64_t JsonObject::get_int_or(const std::string& key, std::int64_t fallback, std::int64_t min,
                                    std::int64_t max) {
  return has(key) ? get_int(key, min, max) : fallback;
}

std::uint64_t JsonObject::get_uint(const std::string& key, std::uint64_t min, std::uint64_t max) {
  const Json& value = need(key);
  const bool legal =
      value.is_number_integer() && (value.is_number_unsigned() || value.get<std::int64_t>() >= 0);
  const std::uint64_t number = legal ? value.get<std::uint64_t>() : 0;
  if (!legal || number < min || number > max) {
    fail(key, expectation("an integer", min, max) + ", not " + json_excerpt(value));
  }
  return number;
}

double JsonObject::get_double(const std::string& key, double min, double max) {
  const Json& value = need(key);
  const double number = value.is_number() ? value.get<double>() : std::nan("");
  if (!(number >= min && number <= max)) {
    fail(key, expectation("a number", min, max) + ", not " + json_excerpt(value));
  }
  return number;
}

double JsonObject::get_double_or(const std::string& key, double fallback, double min, double max) {
  return has(key) ? get_double(key, min, max) : fallback;
}

bool JsonObject::get_bool(const std::string& key) {
  const Json& value = need(key);
  if (!value.is_boolean()) fail(key, "must be true or false, not " + json_excerpt(value));
  return value.get<bool>();
}

bool JsonObject::get_bool_or(const std::string& key, bool fallback) {
  return has(key) ? get_bool(key) : fallback;
}

std::string JsonObject::get_string(const std::string& key) {
  const Json& value = need(key);
  if (!value.is_string()) fail(key, "must be a string, not " + json_excerpt(value));
  return value.get<std::string>();
}

std::string JsonObject::get_string_or(const std::string& key, const std::string& fallback) {
  return has(key) ? get_string(key) : fallback;
}

const Json& JsonObject::get_array(const std::string& key) {
  const Json& value = need(key);
  if (!value.is_array()) fail(key, "must be an array, not " + json_excerpt(value));
  return value;
}

const Json* JsonObject::find_array(const std::string& key) {
  return has(key) ? &get_array(key) : nullptr;
}

std::vector<std::string> JsonObject::get_string_array(const std::string& key) {
  std::vector<std::string> strings;
  for (const Json& element : get_array(key)) {
    if (!element.is_string()) {
      fail(key + "[" + std::to_string(strings.size()) + "]",
           "must be a string, not " + json_excerpt(element));
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

std::vector<std::int64_t> JsonObject::get_int_array(const std::string& key) {
  std::vector<std::int64_t> numbers;
  for (const Json& element : get_array(key)) {
    std::int64_t number = 0;
    if (!as_int(element, number)) {
      fail(key + "[" + std::to_string(numbers.size()) + "]",
           "must be an integer, not " + json_excerpt(element));
    }
    numbers.push_back(number);
  }
  return numbers;
}

JsonObject JsonObject::get_object(const std::string& key) {
  const Json& value = need(key);
  if (!value.is_object()) fail(key, "must be an object, not " + json_excerpt(value));
  return JsonObject(value, where_, prefix_ + key + ".", nulls_);
}

void JsonObject::ignore(const std::string& key) { asked_.insert(key); }

void JsonObject::finish() const {
  for (const auto& [key, value] : object_->items()) {
    if (asked_.contains(key)) continue;
    const std::vector<std::string> known(asked_.begin(), asked_.end());
    throw InputError(where_ + ": unknown key '" + printable(prefix_ + key) + "'" +
                     did_you_mean(key, known));
  }
}

}  // namespace rankscope
