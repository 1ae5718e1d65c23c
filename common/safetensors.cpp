#include "common/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <tuple>

#include "common/error.h"
#include "common/json.h"
#include "common/suggest.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr std::uint64_t kLengthBytes = 8;
// The limit of the reference implementation.
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
// {"name": {"shape": []}} is three deep; a little more lets the type checks give the message.
constexpr int kMaxHeaderDepth = 8;

std::uint64_t header_length(std::span<const std::byte> file) {
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= std::to_integer<std::uint64_t>(file[i]) << (8 * i);
  }
  return length;
}

bool multiply(std::uint64_t a, std::uint64_t b, std::uint64_t& product) {
  return !__builtin_mul_overflow(a, b, &product);
}

// The bytes that the shape calls for; false when they cannot be counted.
bool tensor_bytes(const std::vector<std::int64_t>& shape, DType dtype, std::uint64_t& bytes) {
  bytes = dtype_size(dtype);
  if (std::ranges::find(shape, 0) != shape.end()) {
    bytes = 0;
    return true;
  }
  for (const std::int64_t size : shape) {
    if (!multiply(bytes, static_cast<std::uint64_t>(size), bytes)) return false;
  }
  return bytes <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

TensorEntry parse_entry(const std::string& name, const Json& value, std::uint64_t data_bytes,
                        const std::string& source_name) {
  const std::string where = source_name + ": tensor '" + printable(name) + "'";
  JsonObject fields(value, where);
  TensorEntry entry;
  entry.name = name;
  const std::string dtype = fields.get_string("dtype");
  if (const auto known = dtype_from_name(dtype)) {
    entry.dtype = *known;
  } else {
    fields.fail("dtype", "unknown type '" + printable(dtype, 40) + "'");
  }
  entry.shape = fields.get_int_array("shape");
  for (const std::int64_t size : entry.shape) {
    if (size < 0) fields.fail("shape", "negative size " + std::to_string(size));
  }
  const std::vector<std::int64_t> offsets = fields.get_int_array("data_offsets");
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0]) {
    fields.fail("data_offsets", "must be [begin, end] with 0 <= begin <= end");
  }
  entry.begin = static_cast<std::uint64_t>(offsets[0]);
  entry.end = static_cast<std::uint64_t>(offsets[1]);
  fields.finish();
  std::uint64_t bytes = 0;
  if (!tensor_bytes(entry.shape, entry.dtype, bytes)) {
    fields.fail("shape", "too large: its bytes overflow 63 bits");
  }
  if (bytes != entry.end - entry.begin) {
    fields.fail("data_offsets", "hold " + std::to_string(entry.end - entry.begin) +
                                    " bytes, but the shape and type need " + std::to_string(bytes));
  }
  if (entry.end > data_bytes) {
    throw InputError(where + ": ends at data byte " + std::to_string(entry.end) +
                     ", but the file has only " + std::to_string(data_bytes) +
                     "; is the download complete?");
  }
  return entry;
}

// The format wants the tensors to fill the data: nothing hidden between them, nothing shared.
void check_layout(std::vector<TensorEntry>& entries, std::uint64_t data_bytes,
                  const std::string& source_name) {
  std::ranges::stable_sort(entries, [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t reached = 0;
  std::string previous;
  for (const TensorEntry& entry : entries) {
    const std::string where = source_name + ": tensor '" + printable(entry.name) + "': ";
    if (entry.begin < reached) {
      throw InputError(where + "its data overlap those of '" + printable(previous) + "'");
    }
    if (entry.begin > reached) {
      throw InputError(where + "a hole of " + std::to_string(entry.begin - reached) +
                       " bytes lies before its data");
    }
    reached = entry.end;
    previous = entry.name;
  }
  if (reached != data_bytes) {
    throw InputError(source_name + ": " + std::to_string(data_bytes - reached) +
                     " bytes after the last tensor belong to none");
  }
}

std::map<std::string, std::string> parse_metadata(const Json& value,
                                                  const std::string& source_name) {
  const std::string where = source_name + ": __metadata__";
  if (!value.is_object()) {
    throw InputError(where + ": must be a JSON object, not " + json_excerpt(value));
  }
  JsonObject fields(value, where);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) metadata.emplace(key, fields.get_string(key));
  return metadata;
}

}  // namespace

std::int64_t TensorEntry::elements() const {
  return static_cast<std::int64_t>((end - begin) / dtype_size(dtype));
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

SafetensorsHeader parse_safetensors(std::span<const std::byte> file,
                                    const std::string& source_name) {
  const auto text_at = [&](std::uint64_t begin, std::uint64_t length) {
    return std::string_view(reinterpret_cast<const char*>(file.data()) + begin, length);
  };
  if (file.size() < kLengthBytes) {
    throw InputError(source_name + ": " + std::to_string(file.size()) +
                     " bytes are too few for a safetensors file; is the download complete?");
  }
  if (text_at(0, file.size()).starts_with("version https://git-lfs")) {
    throw InputError(source_name +
                     ": a Git LFS pointer, not the data; fetch the file with 'git lfs pull'");
  }
  const std::uint64_t length = header_length(file);
  if (length > kMaxHeaderBytes) {
    throw InputError(source_name + ": header length " + std::to_string(length) +
                     " is over 100 MB; is this a safetensors file?");
  }
  if (length > file.size() - kLengthBytes) {
    throw InputError(source_name + ": the header needs " + std::to_string(length) +
                     " bytes, but only " + std::to_string(file.size() - kLengthBytes) +
                     " follow; is the download complete?");
  }
  const std::string_view text = text_at(kLengthBytes, length);
  if (!text.starts_with('{')) {
    throw InputError(source_name +
                     ": the header does not begin with '{'; is this a safetensors file?");
  }
  const Json header =
      parse_json(text, source_name + ": header", JsonLimits{kMaxHeaderBytes, kMaxHeaderDepth});
  SafetensorsHeader result;
  result.data_begin = kLengthBytes + length;
  const std::uint64_t data_bytes = file.size() - result.data_begin;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") {
      result.metadata = parse_metadata(value, source_name);
    } else {
      result.entries.push_back(parse_entry(name, value, data_bytes, source_name));
    }
  }
  check_layout(result.entries, data_bytes, source_name);
  return result;
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : source_name_(printable_path(path)), file_(path) {
  header_ = parse_safetensors(file_.bytes(), source_name_);
  for (std::size_t i = 0; i < header_.entries.size(); ++i) {
    by_name_.emplace(header_.entries[i].name, i);
  }
}

const TensorEntry* SafetensorsFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &header_.entries[found->second];
}

const TensorEntry& SafetensorsFile::at(std::string_view name) const {
  if (const TensorEntry* entry = find(name)) return *entry;
  std::vector<std::string> names;
  for (const auto& [known, index] : by_name_) names.push_back(known);
  throw InputError(source_name_ + ": no tensor '" + printable(name) + "'" +
                   did_you_mean(name, names));
}

std::span<const std::byte> SafetensorsFile::bytes(const TensorEntry& entry) const {
  return file_.bytes().subspan(header_.data_begin + entry.begin, entry.end - entry.begin);
}

void SafetensorsFile::drop_pages(const TensorEntry& entry) const {
  file_.drop_pages(header_.data_begin + entry.begin, entry.end - entry.begin);
}

}  // namespace rankscope
