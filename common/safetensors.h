// The safetensors format: 8 bytes of header length (little-endian), a JSON header that names each
// tensor's type, shape and place, then the data. https://huggingface.co/docs/safetensors
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/dtype.h"
#include "common/files.h"

namespace rankscope {

// One tensor of a file, row-major.
struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  // empty for a scalar
  std::uint64_t begin = 0;          // bytes from the start of the data, end exclusive
  std::uint64_t end = 0;

  std::int64_t elements() const;
};

// "[192, 64]"
std::string shape_text(const std::vector<std::int64_t>& shape);

// What a header says, after every check.
struct SafetensorsHeader {
  std::vector<TensorEntry> entries;  // in the order of their data
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;  // bytes from the start of the file
};

// Checks the whole of `file` (of which only the header is read) and returns what it holds. An
// InputError names `source_name`, the tensor and the fault: length fields beyond the file, header
// over 100 MB, unknown types, negative or overflowing shapes, offsets that are out of range,
// overlap, leave holes, or do not match the shape, names given twice, metadata that is not text.
SafetensorsHeader parse_safetensors(std::span<const std::byte> file,
                                    const std::string& source_name);

// A file, opened, checked and mapped. Bytes are not copied, and may lie at any alignment: read
// elements with memcpy unless the address allows more.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::string& source_name() const { return source_name_; }
  const std::vector<TensorEntry>& entries() const { return header_.entries; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }

  // nullptr where there is no tensor of that name.
  const TensorEntry* find(std::string_view name) const;
  // As find, but a missing name is an InputError with the nearest name that is there.
  const TensorEntry& at(std::string_view name) const;

  // Valid as long as this object (moves keep it valid).
  std::span<const std::byte> bytes(const TensorEntry& entry) const;
  // Gives the memory of this tensor's pages back after it has been copied elsewhere.
  void drop_pages(const TensorEntry& entry) const;

 private:
  std::string source_name_;
  MappedFile file_;
  SafetensorsHeader header_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
};

// A tensor to write: `data` points at dtype_size * product(shape) bytes. Where `make` is given it
// is called in place of that when the tensor's turn comes, and gives a pointer that is valid until
// the next is called: what is converted on its way to the file need not be in memory all at once.
struct TensorToWrite {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  const void* data = nullptr;
  std::function<const void*()> make = {};
};

// Writes the file atomically (AtomicFile). The bytes depend on the content alone: metadata is
// sorted by key, tensors by element size (the largest first, so that all lie aligned) and then by
// name, and the header is padded with spaces to a multiple of 8 bytes. A name given twice or not
// UTF-8, or a negative dimension, is a std::invalid_argument: the caller's fault.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace rankscope
