// Files: read whole or mapped, and written so that a reader sees the old bytes or the new ones.
//
// Errors: InputError where the path is at fault (missing, a folder in a file's place; where it may
// not be read or written PermissionDenied, which is one), MachineError where the machine is (disk
// full, I/O error). All name the path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

// Whether the name is there, whatever it names; a link to nowhere is not. PermissionDenied where a
// folder on the way may not be looked into, InputError for a name that can be none (too long, links
// in a circle).
bool is_there(const std::filesystem::path& path);

// Whether the name is there and a folder's; fails as is_there.
bool is_folder(const std::filesystem::path& path);

// The names in a folder, not those below them, in no order, each behind the folder's.
std::vector<std::filesystem::path> names_in_folder(const std::filesystem::path& folder);

// What may stand behind a path that is opened for reading.
enum class InputKind {
  kAny,      // a pipe too, as a user may name one; opening a named pipe waits for its writer
  kRegular,  // anything else is an InputError: a file that belongs to a folder
};

// The whole file, at most `max_bytes` of it: a longer one is an InputError.
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;
std::string read_text_file(const std::filesystem::path& path,
                           std::uint64_t max_bytes = kMaxFileBytes,
                           InputKind kind = InputKind::kAny);
std::string read_regular_file(const std::filesystem::path& path,
                              std::uint64_t max_bytes = kMaxFileBytes);

// InputError where the path names something that is there and is no regular file; a link to nowhere
// is none.
void require_regular_file(const std::filesystem::path& path);

// A regular file mapped read-only. An empty file is legal and has no bytes. The mapping starts at
// a page boundary. A file that another program shortens meanwhile cannot be guarded against.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::uint64_t size() const { return size_; }

  // Gives the pages that lie wholly inside [offset, offset + length) back to the system. They are
  // read again on the next access: a file can be streamed without its size counting as memory.
  void drop_pages(std::uint64_t offset, std::uint64_t length) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// A file that appears whole or not at all: written under a temporary name in the same folder,
// synced, renamed over the target, and the folder synced. Without commit() nothing changes and the
// temporary is removed. A target that is a symbolic link stays one: the file it names is replaced.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view text);
  void write(std::span<const std::byte> bytes);
  void commit();

 private:
  void flush();
  void put(const char* data, std::size_t size);

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  std::vector<char> buffer_;
  int descriptor_ = -1;
};

void write_file_atomically(const std::filesystem::path& path, std::string_view text);
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

// A folder that appears whole or not at all. Files are made under path(); commit() syncs them all
// and renames the folder into place. Without commit() the temporary is removed.
class FolderTransaction {
 public:
  enum class Existing {
    kRefuse,   // a target that exists is an InputError, at once and again at commit()
    kReplace,  // its place is taken by the new folder and the old one is deleted
  };
  FolderTransaction(const std::filesystem::path& target, Existing existing);
  ~FolderTransaction();
  FolderTransaction(const FolderTransaction&) = delete;
  FolderTransaction& operator=(const FolderTransaction&) = delete;

  const std::filesystem::path& path() const { return temporary_; }
  void commit();

 private:
  void replace_target();

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  Existing existing_;
  bool committed_ = false;
};

enum class Writers {
  kNone,   // nobody but the caller writes into the folder, as under a trial's lock
  kOthers  // other processes of this machine may: what is of a living one stays
};

// Clears what processes killed in the middle of a write left in `folder` (not below it): removes
// temporary names, and puts back an old folder whose replacement never arrived. Call it only where
// no other machine and nothing else of this process can be writing. Returns how many names it dealt
// with.
std::size_t clear_stale_temporaries(const std::filesystem::path& folder, Writers writers);

// The system's text for an errno value; the ones that mean a full disk (ENOSPC, EDQUOT, EFBIG) say
// so.
std::string system_error_text(int error_number);

}  // namespace rankscope
