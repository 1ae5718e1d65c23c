#include "experiments/file_hashes.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/text.h"
#include "experiments/content_check.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

std::string stamp_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    throw InputError("cannot read '" + printable_path(path) + "': " + system_error_text(errno) +
                     "; is the path right?");
  // `cp -p` over a file sets its time of modification too; that of status change nobody sets.
  return fmt::format("{}:{}:{}.{:09}:{}.{:09}", status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                     status.st_ctim.tv_nsec);
}

// Of an entry: a hash that was changed on the disk looks like any other.
std::string check_of(const std::string& path, const std::string& stamp, const std::string& sha256) {
  return check_digits(Sha256().update_field(path).update_field(stamp).update_field(sha256));
}

std::string text_of(const Json& entry, const char* key) {
  const auto found = entry.find(key);
  return found != entry.end() && found->is_string() ? found->get<std::string>() : "";
}

}  // namespace

FileHashes::FileHashes(const fs::path& kept) {
  try {
    const Json json = read_json_file(kept);
    for (const auto& [path, entry] : json.items()) {
      if (!entry.is_object()) continue;
      const std::string stamp = text_of(entry, "stamp"), sha256 = text_of(entry, "sha256");
      if (text_of(entry, "check") == check_of(path, stamp, sha256))
        entries_[path] = {stamp, sha256};
    }
  } catch (const Error&) {
    entries_.clear();
  }
}

std::string FileHashes::file(const fs::path& path) {
  const std::string stamp = stamp_of(path);
  Entry& entry = entries_[fs::absolute(path).lexically_normal().string()];
  if (entry.stamp != stamp) entry = {stamp, sha256_file(path)};
  return entry.sha256;
}

std::string FileHashes::named(const std::map<std::string, fs::path>& files) {
  Sha256 hash;
  for (const auto& [name, path] : files) hash.update_field(name).update_field(file(path));
  return hash.hex();
}

bool FileHashes::same_content(const fs::path& one, const fs::path& other) {
  std::error_code not_there;
  if (fs::equivalent(one, other, not_there)) return true;
  if (not_there) return false;
  const std::uintmax_t size = fs::file_size(one, not_there);
  if (not_there || size != fs::file_size(other, not_there) || not_there) return false;
  return file(one) == file(other);
}

std::string FileHashes::model(const fs::path& folder) {
  std::map<std::string, fs::path> files;
  if (is_folder(folder))
    for (const fs::path& path : names_in_folder(folder))
      if (path.filename() == "config.json" || path.extension() == ".safetensors")
        files[path.filename().string()] = path;
  if (files.empty())
    throw InputError("'" + printable_path(folder) +
                     "' is not a model's folder: it has no config.json; give base a Hugging Face "
                     "folder");
  return named(files);
}

std::string FileHashes::tokenizer(const fs::path& folder) {
  std::map<std::string, fs::path> files;
  for (const char* name : {"tokenizer.json", "vocab.json", "merges.txt"})
    if (is_there(folder / name)) files[name] = folder / name;
  return files.empty() ? "" : named(files);
}

void FileHashes::save(const fs::path& kept) const {
  OrderedJson json = OrderedJson::object();
  for (const auto& [path, entry] : entries_)
    json[path] = {{"stamp", entry.stamp},
                  {"sha256", entry.sha256},
                  {"check", check_of(path, entry.stamp, entry.sha256)}};
  write_file_atomically(kept, json_text(json, 1) + "\n");
}

}  // namespace rankscope
