// The safetensors reader: whatever it accepts must be safe to read, tensor by tensor.
#include <cstdlib>
#include <span>

#include "common/error.h"
#include "common/safetensors.h"
#include "tests/fuzz/fuzz_one.h"

int fuzz_one(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  try {
    const rankscope::SafetensorsHeader header = rankscope::parse_safetensors(file, "fuzz");
    std::uint64_t reached = 0;
    for (const rankscope::TensorEntry& entry : header.entries) {
      // The promises of parse_safetensors: in order, without holes, within the file.
      if (entry.begin != reached || entry.end < entry.begin) std::abort();
      if (header.data_begin + entry.end > size) std::abort();
      std::uint64_t elements = 1;
      for (const std::int64_t dimension : entry.shape) {
        if (dimension < 0) std::abort();
        elements *= static_cast<std::uint64_t>(dimension);
      }
      if (elements != static_cast<std::uint64_t>(entry.elements())) std::abort();
      if (elements * rankscope::dtype_size(entry.dtype) != entry.end - entry.begin) std::abort();
      reached = entry.end;
    }
    if (header.data_begin + reached != size) std::abort();
  } catch (const rankscope::InputError&) {
  }
  return 0;
}
