// Arena: one range of device addresses that memory is put behind as it is needed, so that freed
// blocks of any sizes join again and the process takes from the GPU what it uses.
#pragma once

#include <cstddef>
#include <memory>

#include "engine/backend/cuda/device.h"

namespace rankscope::RANKSCOPE_CUDA {

// Maps memory and opens it for access; where either fails, takes back what was done and releases
// the memory. Each gives a code, 0 for success; the first other one is returned.
template <typename Map, typename Open, typename Unmap, typename Release>
auto map_or_release(Map&& map, Open&& open, Unmap&& unmap, Release&& release) {
  auto code = map();
  if (static_cast<int>(code) == 0) {
    code = open();
    if (static_cast<int>(code) == 0) return code;
    unmap();
  }
  release();
  return code;
}

class Arena {
 public:
  virtual ~Arena() = default;
  virtual char* base() const = 0;
  // Puts memory behind the first `bytes` of the range. False where the GPU has no more.
  virtual bool commit(size_t bytes) = 0;
  virtual size_t committed() const = 0;
};

// Of the selected device, with as many addresses as it has memory.
std::unique_ptr<Arena> make_arena();

}  // namespace rankscope::RANKSCOPE_CUDA
