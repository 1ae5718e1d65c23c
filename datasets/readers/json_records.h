// The objects of a JSON Lines file, or of one JSON array, read key by key. simdjson parses: the
// largest set (30 MB) is to be read in a fraction of a second.
#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json.h"
#include "datasets/readers/source_text.h"

namespace rankscope {

// Walks the objects. A file whose first character is '[' is one JSON array of objects; any other
// holds one object a line, blank lines skipped and counted. Line ends are "\n" or "\r\n", the last
// may be missing.
//
// Refused, as InputError "FILE:LINE: ...": what is not an object, JSON that RFC 8259 does not
// allow, invalid UTF-8, a key given twice, nesting deeper than 64, over 256 keys, over 16 MiB an
// object, and an array that is cut off or followed by more text.
class JsonRecords {
 public:
  using Element = simdjson::dom::element;
  static constexpr std::size_t kMaxObjectBytes = std::size_t{16} << 20;

  explicit JsonRecords(const SourceText& source);

  // Goes to the next object. False at the end. What string() and find() gave before is void.
  bool next();

  std::uint64_t line() const { return line_; }  // where the object begins
  // The line, or which element of the array: from 1.
  std::uint64_t number() const { return element_ > 0 ? element_ : line_; }
  std::uint64_t blank_lines() const { return blank_lines_; }
  std::string where() const { return source_->where(line_); }

  // The value under `key`, or nullptr where it is absent or null.
  const Element* find(std::string_view key) const;
  const Element& need(std::string_view key) const;
  // A string; InputError "FILE:LINE: field 'KEY': is missing" or "must be a string, not ...".
  std::string_view string(std::string_view key) const;
  // The same; a null counts as absent.
  std::optional<std::string_view> find_string(std::string_view key) const;
  std::vector<std::string> strings(std::string_view key) const;
  // A string, or an integer as text, that is not empty; numbered_id() where the key is absent.
  std::string id(std::string_view key) const;
  std::vector<std::string_view> keys() const;

  // The object again, as the rest of the program reads JSON. Slow: for messages and rare values.
  Json json() const;

  [[noreturn]] void fail(std::string_view key, const std::string& message) const;

 private:
  const Element* lookup(std::string_view key) const;
  bool next_line(std::string_view& text);
  bool next_of_array(std::string_view& text);
  std::size_t object_end(std::size_t begin) const;
  void skip_space();
  void parse(std::string_view text);

  const SourceText* source_;
  std::string_view rest_;  // not yet read
  std::uint64_t rest_line_ = 1;
  bool array_ = false;
  std::uint64_t element_ = 0;  // of an array, from 1
  std::uint64_t line_ = 0;
  std::uint64_t blank_lines_ = 0;
  std::string_view object_text_;
  simdjson::dom::parser parser_;
  std::vector<std::pair<std::string_view, Element>> fields_;
};

}  // namespace rankscope
