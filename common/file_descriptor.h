// The system calls shared by the files of common/ that read and write; nobody else needs them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

#include "common/files.h"

namespace rankscope {

// An open file, closed at the end of the scope.
class FileDescriptor {
 public:
  // `flags` as for open(2). `action` begins the message of a failure: "cannot read".
  FileDescriptor(const std::filesystem::path& path, int flags, const char* action);
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_ = -1;
};

// The file, opened for reading. InputError or MachineError as files.h says.
FileDescriptor open_to_read(const std::filesystem::path& path, InputKind kind);

// read(2), repeated when a signal interrupts it. 0 at the end of the file.
std::size_t read_some(int descriptor, char* buffer, std::size_t size,
                      const std::filesystem::path& path);

// What the path names, links followed; that it names nothing is an answer too. Fails as files.h
// says; `action` begins the message.
std::filesystem::file_status status_of(const std::filesystem::path& path, const char* action);

// "ACTION 'PATH': what errno says", as InputError where the path is at fault and MachineError
// otherwise.
[[noreturn]] void throw_file_error(const std::string& action, const std::filesystem::path& path,
                                   int error_number);

}  // namespace rankscope
