// JSON from outside: parsed under limits, then read key by key with types and ranges checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

using Json = nlohmann::json;
// Keeps keys in the order of insertion: for writing.
using OrderedJson = nlohmann::ordered_json;

struct JsonLimits {
  std::uint64_t max_bytes = std::uint64_t{256} << 20;
  int max_depth = 64;  // nested arrays and objects
};

// Parses RFC 8259 JSON. Refused, as InputError "SOURCE:LINE:COLUMN: ...": syntax errors, text over
// the limits, a key given twice in one object, invalid UTF-8, numbers beyond a double. LINE counts
// from `first_line`; COLUMN counts bytes from 1.
Json parse_json(std::string_view text, const std::string& source_name, JsonLimits limits = {},
                std::uint64_t first_line = 1);

// read_text_file, of a regular file, and parse_json.
Json read_json_file(const std::filesystem::path& path, JsonLimits limits = {});

// Reads one JSON object and remembers which keys were asked for. `where` is the file, or the file
// and line, that messages begin with: "config.json: field 'rank': must be ...". The object must
// outlive the reader. Every refusal is an InputError.
//
// get_X demands the key; get_X_or returns the default where the key is absent. With
// Nulls::kAbsent a null counts as absent, otherwise it is a type error.
class JsonObject {
 public:
  enum class Nulls { kRefuse, kAbsent };

  JsonObject(const Json& object, std::string where, Nulls nulls = Nulls::kRefuse);

  // Present (and, with Nulls::kAbsent, not null). Counts as asked for.
  bool has(const std::string& key);

  std::int64_t get_int(const std::string& key,
                       std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t max = std::numeric_limits<std::int64_t>::max());
  std::int64_t get_int_or(const std::string& key, std::int64_t fallback,
                          std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                          std::int64_t max = std::numeric_limits<std::int64_t>::max());
  std::uint64_t get_uint(const std::string& key, std::uint64_t min = 0,
                         std::uint64_t max = std::numeric_limits<std::uint64_t>::max());
  // Integers are accepted as doubles.
  double get_double(const std::string& key, double min = std::numeric_limits<double>::lowest(),
                    double max = std::numeric_limits<double>::max());
  double get_double_or(const std::string& key, double fallback,
                       double min = std::numeric_limits<double>::lowest(),
                       double max = std::numeric_limits<double>::max());
  bool get_bool(const std::string& key);
  bool get_bool_or(const std::string& key, bool fallback);
  std::string get_string(const std::string& key);
  std::string get_string_or(const std::string& key, const std::string& fallback);
  // An array of anything. The reference lives as long as the object that was read.
  const Json& get_array(const std::string& key);
  // The array, or nullptr where it is absent.
  const Json* find_array(const std::string& key);
  std::vector<std::string> get_string_array(const std::string& key);
  std::vector<std::int64_t> get_int_array(const std::string& key);
  // A reader of the object under `key`; its messages name it as 'key.inner'.
  JsonObject get_object(const std::string& key);
  // Any value, for fields with several legal types; nullptr where it is absent.
  const Json* find(const std::string& key);

  // Marks a key as known without reading it.
  void ignore(const std::string& key);
  // Refuses keys that were never asked for, with the nearest name among those that were.
  void finish() const;

  // Throws InputError "WHERE: field 'key': MESSAGE".
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;

  const std::string& where() const { return where_; }

 private:
  JsonObject(const Json& object, std::string where, std::string prefix, Nulls nulls);
  const Json& need(const std::string& key);

  const Json* object_;
  std::string where_;
  std::string prefix_;
  Nulls nulls_;
  std::set<std::string> asked_;
};

// JSON text, on one line or with that many spaces a level. Texts from outside, as paths, may be no
// UTF-8: what is not becomes U+FFFD, where dump() would throw.
std::string json_text(const Json& value, int indent = -1);
std::string json_text(const OrderedJson& value, int indent = -1);

// How a value is shown in a message: its JSON text, shortened to one line.
std::string json_excerpt(const Json& value);

}  // namespace rankscope
