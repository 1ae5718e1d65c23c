// The writing half of safetensors.h.
#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "common/json.h"
#include "common/safetensors.h"
#include "common/text.h"

namespace rankscope {
namespace {

// Throws std::invalid_argument for what no caller may pass.
std::uint64_t checked_bytes(const TensorToWrite& tensor) {
  const auto refuse = [&](const std::string& message) {
    throw std::invalid_argument("write_safetensors: tensor '" + printable(tensor.name) +
                                "': " + message);
  };
  if (tensor.name == "__metadata__") refuse("the name is reserved");
  if (!valid_utf8(tensor.name)) refuse("the name is not UTF-8");
  std::uint64_t bytes = dtype_size(tensor.dtype);
  for (const std::int64_t size : tensor.shape) {
    if (size < 0) refuse("negative size");
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes)) {
      refuse("the shape overflows");
    }
  }
  if (bytes > 0 && tensor.data == nullptr && !tensor.make) refuse("no data");
  return bytes;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::ranges::sort(tensors, [](const TensorToWrite& a, const TensorToWrite& b) {
    const std::size_t size_a = dtype_size(a.dtype);
    const std::size_t size_b = dtype_size(b.dtype);
    return std::tie(size_b, a.name) < std::tie(size_a, b.name);
  });
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t offset = 0;
  for (const TensorToWrite& tensor : tensors) {
    const std::uint64_t end = offset + checked_bytes(tensor);
    if (header.contains(tensor.name)) {
      throw std::invalid_argument("write_safetensors: tensor '" + printable(tensor.name) +
                                  "' is given twice");
    }
    header[tensor.name] = {{"dtype", dtype_name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');

  AtomicFile file(path);
  for (int i = 0; i < 8; ++i) {
    const char byte = static_cast<char>((text.size() >> (8 * i)) & 0xff);
    file.write(std::string_view(&byte, 1));
  }
  file.write(text);
  for (const TensorToWrite& tensor : tensors) {
    const void* data = tensor.make ? tensor.make() : tensor.data;
    file.write(std::span(static_cast<const std::byte*>(data), checked_bytes(tensor)));
  }
  file.commit();
}

}  // namespace rankscope
