// JSON objects that vouch for themselves: a hash of their content under `check`. A digit that
// changed on the disk reads like any other.
#pragma once

#include <filesystem>
#include <string>

#include "common/hash.h"
#include "common/json.h"

namespace rankscope {

// What is written as a check: the first digits of the hash. They are to find faults of a disk, not
// forgeries.
std::string check_digits(Sha256& hash);

// The object's text with its check behind the other keys; `indent` as json_text's.
std::string checked_text(OrderedJson object, int indent = -1);

// Takes the check out. Throws AlteredFile, naming `where`, where the rest is not what it was made
// of. An object without one is an older program's, unless one stands under another key: that was
// the check's, before it changed on the disk.
void take_check(Json& object, const std::string& where);
// read_json_file, of an object, and take_check.
Json read_checked_file(const std::filesystem::path& file);

}  // namespace rankscope
