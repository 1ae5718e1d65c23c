// The reader of PEFT's adapter_config.json, with the patterns in it matched against module names.
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/error.h"
#include "engine/checkpoint/peft_config.h"
#include "tests/fuzz/fuzz_one.h"

namespace {

// A file in memory that holds the bytes: the reader takes a path.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(memfd_create("fuzz", 0)) {
    if (descriptor_ < 0) std::abort();
    if (::write(descriptor_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

int fuzz_one(const std::uint8_t* data, std::size_t size) {
  using namespace rankscope;
  const MemoryFile file(data, size);
  try {
    const PeftConfig config = PeftConfig::read(file.path());
    for (const char* module :
         {"transformer.h.0.attn.c_attn", "transformer.h.11.mlp.c_proj",
          "model.layers.1.self_attn.q_proj", "model.layers.31.mlp.gate_proj"}) {
      config.targets(module);
      const int least = config.kind() == PeftKind::kAdaLora ? 0 : 1;
      if (config.rank(module) < least || !std::isfinite(config.scale(module))) std::abort();
    }
    if (!(config.dropout() >= 0 && config.dropout() < 1)) std::abort();
  } catch (const InputError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
