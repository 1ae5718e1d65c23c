// SHA-256 of the files that a training depends on, which a sweep keeps from run to run: a base of
// many gigabytes is read once, not once a trial.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace rankscope {

class FileHashes {
 public:
  FileHashes() = default;
  // Reads what an earlier run kept; a file that is missing or damaged only costs the hashing.
  explicit FileHashes(const std::filesystem::path& kept);

  // Of a file's bytes. A kept hash counts as long as inode, size and the times of
  // modification and of status change are the same.
  std::string file(const std::filesystem::path& path);
  // Whether two paths name one file or two of the same bytes. False where one is not there.
  bool same_content(const std::filesystem::path& one, const std::filesystem::path& other);
  // Of a base: config.json and every *.safetensors, by name.
  std::string model(const std::filesystem::path& folder);
  // Of the files that make a base's tokenizer, by name; empty where it has none.
  std::string tokenizer(const std::filesystem::path& folder);

  void save(const std::filesystem::path& kept) const;

 private:
  struct Entry {
    std::string stamp;
    std::string sha256;
  };
  std::string named(const std::map<std::string, std::filesystem::path>& files);

  std::map<std::string, Entry> entries_;  // by absolute path
};

}  // namespace rankscope
