// The GPU that a thread works with, its memory and its streams: by CUDA's runtime
// (device_memory.cpp) or by the fake device (fake/fake_memory.cpp). What takes a stream is put on
// it and may return before it is done; failures not named here are MachineErrors.
#pragma once

#include <cstddef>
#include <string>

#include "engine/backend/cuda/device.h"

namespace rankscope::RANKSCOPE_CUDA {

struct DeviceInfo {
  std::string name;
  size_t total_bytes = 0;
  int capability = 0;  // 10 * major + minor
  std::string driver;
  std::string runtime;
};

int device_count();  // 0 where there is no driver or no GPU
// Both throw InputError, with the devices that exist, where there is none of that index.
DeviceInfo device_info(int index);
DeviceInfo select_device(int index);  // for the calling thread

Stream make_stream();
void destroy_stream(Stream stream) noexcept;
// Returns when all that was put on the stream is done; throws where any of it failed.
void synchronize(Stream stream);

// Uninitialised, aligned to 256 bytes; null where memory does not suffice.
void* device_allocate(size_t bytes);
void device_free(void* pointer) noexcept;

// `from` on the host may be let go when the call returns: drivers stage pageable memory before they
// return, which CUDA documents of the synchronous form alone. `to` on the host is written by the
// next synchronize().
void copy_to_device(Stream stream, void* to, const void* from, size_t bytes);
void copy_from_device(Stream stream, void* to, const void* from, size_t bytes);
// Rows of width_bytes that begin every `pitch` bytes.
void copy_2d_to_device(Stream stream, void* to, size_t to_pitch, const void* from,
                       size_t from_pitch, size_t width_bytes, size_t rows);
void copy_2d_from_device(Stream stream, void* to, size_t to_pitch, const void* from,
                         size_t from_pitch, size_t width_bytes, size_t rows);
void fill_zero_2d(Stream stream, void* to, size_t pitch, size_t width_bytes, size_t rows);

}  // namespace rankscope::RANKSCOPE_CUDA
