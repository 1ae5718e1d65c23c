#include "common/json.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "common/error.h"
#include "common/files.h"
#include "common/text.h"

namespace rankscope {
namespace {

// Walks the text and notes how far the parser has come: its callbacks do not say.
struct TrackingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** reached;

  reference operator*() const { return *at; }
  TrackingIterator& operator++() {
    *reached = ++at;
    return *this;
  }
  TrackingIterator operator++(int) {
    TrackingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const TrackingIterator& other) const { return at == other.at; }
};

// Builds the value and stops at the first thing that is refused.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, const char* const* reached, int max_depth)
      : text_(text), reached_(reached), max_depth_(max_depth) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return refuse("binary value"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    const auto [place, inserted] =
        open_.back()->get_ref<Json::object_t&>().emplace(std::move(name), nullptr);
    if (!inserted) return refuse("key '" + printable(place->first) + "' is given twice");
    under_key_ = &place->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // The library's message begins with its own name and position.
    std::string message = error.what();
    if (message.starts_with('['))
      message.erase(0, std::min(message.size(), message.find("] ") + 2));
    const std::size_t column = message.find("column ");
    const std::size_t colon = column == std::string::npos ? column : message.find(": ", column);
    if (message.starts_with("parse error at") && colon != std::string::npos) {
      message.erase(0, colon + 2);
    }
    message_ = printable(message, 200);
    offset_ = position == 0 ? 0 : position - 1;
    return false;
  }

  Json take() { return std::move(root_); }
  const std::string& message() const { return message_; }
  std::size_t offset() const { return offset_; }

 private:
  Json* place(Json&& value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      auto& array = open_.back()->get_ref<Json::array_t&>();
      array.push_back(std::move(value));
      return &array.back();
    }
    *under_key_ = std::move(value);
    return under_key_;
  }
  bool put(Json&& value) {
    place(std::move(value));
    return true;
  }
  bool open(Json&& value) {
    if (open_.size() >= static_cast<std::size_t>(max_depth_)) {
      return refuse("nested deeper than " + std::to_string(max_depth_) + " levels");
    }
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  bool refuse(const std::string& message) {
    message_ = message;
    const auto consumed = static_cast<std::size_t>(*reached_ - text_.data());
    offset_ = consumed == 0 ? 0 : consumed - 1;
    return false;
  }

  std::string_view text_;
  const char* const* reached_;
  int max_depth_;
  Json root_;
  std::vector<Json*> open_;
  Json* under_key_ = nullptr;
  std::string message_;
  std::size_t offset_ = 0;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& source_name, JsonLimits limits,
                std::uint64_t first_line) {
  if (text.size() > limits.max_bytes) {
    throw InputError(source_name + ": longer than the " + std::to_string(limits.max_bytes) +
                     " bytes allowed here");
  }
  const char* reached = text.data();
  // Noting the position at every character takes a fifth of the time, and only a message needs it.
  Builder quick(text, &reached, limits.max_depth);
  if (Json::sax_parse(text.data(), text.data() + text.size(), &quick)) return quick.take();
  Builder builder(text, &reached, limits.max_depth);
  const TrackingIterator begin{text.data(), &reached};
  const TrackingIterator end{text.data() + text.size(), &reached};
  Json::sax_parse(begin, end, &builder);
  const std::string_view before = text.substr(0, std::min(builder.offset(), text.size()));
  const auto line = first_line + static_cast<std::uint64_t>(std::ranges::count(before, '\n'));
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  throw InputError(source_name + ":" + std::to_string(line) + ":" +
                   std::to_string(before.size() - line_begin + 1) + ": " + builder.message());
}

Json read_json_file(const std::filesystem::path& path, JsonLimits limits) {
  return parse_json(read_regular_file(path, limits.max_bytes), printable_path(path), limits);
}

std::string json_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string json_text(const OrderedJson& value, int indent) {
  return value.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string json_excerpt(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  return printable(json_text(value), 60);
}

}  // namespace rankscope
