#include "datasets/readers/json_records.h"

#include <algorithm>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxKeys = 256;
constexpr std::size_t kFirstCapacity = std::size_t{1} << 16;

}  // namespace

JsonRecords::JsonRecords(const SourceText& source) : source_(&source), rest_(source.text()) {
  if (parser_.allocate(kFirstCapacity, kMaxDepth) != simdjson::SUCCESS) throw std::bad_alloc();
  const std::size_t begin = rest_.find_first_not_of(kSpace);
  array_ = begin != std::string_view::npos && rest_[begin] == '[';
  if (array_) {
    skip_space();
    rest_.remove_prefix(1);
  }
}

bool JsonRecords::next() {
  std::string_view text;
  if (!(array_ ? next_of_array(text) : next_line(text))) return false;
  if (text.size() > kMaxObjectBytes) {
    throw InputError(where() + ": an object of more than " + std::to_string(kMaxObjectBytes) +
                     " bytes; is this a file of one example a line?");
  }
  parse(text);
  return true;
}

bool JsonRecords::next_line(std::string_view& text) {
  while (!rest_.empty()) {
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    text = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    line_ = rest_line_++;
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.find_first_not_of(" \t\r") != std::string_view::npos) return true;
    ++blank_lines_;
  }
  return false;
}

bool JsonRecords::next_of_array(std::string_view& text) {
  const auto refuse = [&](const std::string& message) {
    throw InputError(source_->where(rest_line_) + ": " + message);
  };
  const std::string cut_off = "the array is not closed; was the download broken off?";
  skip_space();
  if (rest_.empty()) refuse(cut_off);
  if (rest_[0] == ']') {
    rest_.remove_prefix(1);
    skip_space();
    if (!rest_.empty()) refuse("text after the array's end");
    array_ = false;  // nothing is left for the next call
    return false;
  }
  if (element_ > 0) {
    if (rest_[0] != ',') refuse("a ',' or ']' must follow an array's object");
    rest_.remove_prefix(1);
    skip_space();
    if (rest_.empty()) refuse(cut_off);
  }
  ++element_;
  line_ = rest_line_;
  if (rest_[0] != '{') refuse("an array's element must be an object");
  const std::size_t end = object_end(0);
  if (end == std::string_view::npos) refuse("the object that begins here is not closed");
  text = rest_.substr(0, end);
  rest_.remove_prefix(end);
  rest_line_ += static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
  return true;
}

// One past the bracket that closes the one at `begin`; npos where there is none. Brackets inside
// strings do not count. Whether all else is JSON is the parser's business.
std::size_t JsonRecords::object_end(std::size_t begin) const {
  std::size_t depth = 0;
  for (std::size_t at = begin; at < rest_.size(); ++at) {
    const char c = rest_[at];
    if (c == '"') {
      for (++at; at < rest_.size() && rest_[at] != '"'; ++at) {
        if (rest_[at] == '\\') ++at;
      }
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (--depth == 0) return at + 1;
    }
  }
  return std::string_view::npos;
}

void JsonRecords::skip_space() {
  const std::size_t count = std::min(rest_.find_first_not_of(kSpace), rest_.size());
  rest_line_ += static_cast<std::uint64_t>(std::ranges::count(rest_.substr(0, count), '\n'));
  rest_.remove_prefix(count);
}

void JsonRecords::parse(std::string_view text) {
  object_text_ = text;
  fields_.clear();
  Element root;
  const simdjson::error_code error =
      parser_.parse(text.data(), text.size(), /*realloc_if_needed=*/false).get(root);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  if (error != simdjson::SUCCESS) {
    json();  // says what is wrong and in which column
    // The slower parser rounds such numbers.
    if (error == simdjson::NUMBER_ERROR) {
      throw InputError(where() + ": holds a number beyond 64 bits; write it as a text");
    }
    throw InputError(where() + ": " + simdjson::error_message(error));
  }
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    throw InputError(where() + ": must be a JSON object, not " + json_excerpt(json()));
  }
  for (const auto& [key, value] : object) {
    if (lookup(key) != nullptr) fail(key, "is given twice");
    if (fields_.size() == kMaxKeys) {
      throw InputError(where() + ": more than " + std::to_string(kMaxKeys) + " keys in one object");
    }
    fields_.emplace_back(key, value);
  }
}

const JsonRecords::Element* JsonRecords::find(std::string_view key) const {
  const Element* value = lookup(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

const JsonRecords::Element* JsonRecords::lookup(std::string_view key) const {
  for (const auto& [name, value] : fields_) {
    if (name == key) return &value;
  }
  return nullptr;
}

const JsonRecords::Element& JsonRecords::need(std::string_view key) const {
  const Element* value = find(key);
  if (value == nullptr)
    fail(key, lookup(key) == nullptr ? "is missing; every entry needs it" : "must not be null");
  return *value;
}

std::string_view JsonRecords::string(std::string_view key) const {
  std::string_view text;
  if (need(key).get(text) != simdjson::SUCCESS) {
    fail(key, "must be a string, not " + json_excerpt(json()[std::string(key)]));
  }
  return text;
}

std::optional<std::string_view> JsonRecords::find_string(std::string_view key) const {
  const Element* value = find(key);
  if (value == nullptr) return std::nullopt;
  return string(key);
}

std::vector<std::string> JsonRecords::strings(std::string_view key) const {
  const auto refuse = [&] { fail(key, "must be an array of strings"); };
  simdjson::dom::array array;
  if (need(key).get(array) != simdjson::SUCCESS) refuse();
  std::vector<std::string> values;
  for (const Element element : array) {
    std::string_view text;
    if (element.get(text) != simdjson::SUCCESS) refuse();
    values.emplace_back(text);
  }
  return values;
}

std::string JsonRecords::id(std::string_view key) const {
  const Element* value = find(key);
  if (value == nullptr) return source_->numbered_id(number());
  std::string_view text;
  std::int64_t number = 0;
  if (value->get(text) == simdjson::SUCCESS && !text.empty()) return std::string(text);
  if (value->get(number) == simdjson::SUCCESS) return std::to_string(number);
  fail(key, "must be a text of at least one character or an integer, not " +
                json_excerpt(json()[std::string(key)]));
}

std::vector<std::string_view> JsonRecords::keys() const {
  std::vector<std::string_view> names;
  for (const auto& field : fields_) names.push_back(field.first);
  return names;
}

Json JsonRecords::json() const {
  return parse_json(object_text_, source_->name(), {.max_bytes = kMaxObjectBytes}, line_);
}

void JsonRecords::fail(std::string_view key, const std::string& message) const {
  throw InputError(where() + ": field '" + printable(key) + "': " + message);
}

}  // namespace rankscope
