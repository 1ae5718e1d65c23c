#include "experiments/content_check.h"

#include <algorithm>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {

namespace {

constexpr const char* kCheck = "check";
constexpr std::size_t kCheckDigits = 16;

// By content, keys in their alphabetical order: how the text is set out tells nothing.
std::string check_of(const Json& content) {
  return check_digits(Sha256().update_field(content.dump()));
}

bool is_like_a_check(const Json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return text.size() == kCheckDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string check_digits(Sha256& hash) { return hash.hex().substr(0, kCheckDigits); }

std::string checked_text(OrderedJson object, int indent) {
  // Of what will be read: texts that are no UTF-8 are written otherwise.
  object[kCheck] = check_of(Json::parse(json_text(object)));
  return json_text(object, indent) + "\n";
}

void take_check(Json& object, const std::string& where) {
  const auto found = object.find(kCheck);
  bool as_written = false;
  if (found == object.end()) {
    as_written = std::ranges::none_of(object, is_like_a_check);
  } else {
    const Json check = *found;
    object.erase(found);
    as_written = check == check_of(object);
  }
  if (!as_written) throw AlteredFile(where + ": is not what was written, by its 'check'");
}

Json read_checked_file(const std::filesystem::path& file) {
  Json json = read_json_file(file);
  const std::string where = printable_path(file);
  JsonObject(json, where);  // refuses what is no object
  take_check(json, where);
  return json;
}

}  // namespace rankscope
