// The fake device's memory is the host's, and all that is put on a stream is done at once. What is
// not device memory where it must be, or is where it must not, is a logic_error: on a GPU it would
// be a fault.
#if !defined(RANKSCOPE_FAKE_DEVICE)
#define RANKSCOPE_FAKE_DEVICE 1
#endif

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "common/error.h"
#include "engine/backend/cuda/arena.h"
#include "engine/backend/cuda/device_memory.h"

namespace rankscope::fake_cuda {
namespace {

constexpr size_t kAlignment = 256;
constexpr size_t kDefaultBytes = size_t{8} << 30;

struct Allocations {
  std::mutex mutex;
  std::map<uintptr_t, size_t> sizes;  // by address
  size_t total = 0;
};

// Never destroyed: what frees device memory may itself be static.
Allocations& allocations() {
  static Allocations& all = *new Allocations;
  return all;
}

// Read each time, so that a test can change it.
size_t limit() {
  const char* bytes = std::getenv("RANKSCOPE_FAKE_BYTES");
  return bytes == nullptr ? kDefaultBytes : std::strtoull(bytes, nullptr, 10);
}

// Whether [pointer, pointer + bytes) lies in one allocation; `touches`, whether any of it does.
bool on_device(const void* pointer, size_t bytes, bool* touches) {
  Allocations& all = allocations();
  const std::lock_guard lock(all.mutex);
  const auto begin = reinterpret_cast<uintptr_t>(pointer);
  auto after = all.sizes.lower_bound(begin + bytes);
  if (after == all.sizes.begin()) return *touches = false;
  const auto& [address, size] = *--after;
  *touches = begin < address + size;
  return begin >= address && begin + bytes <= address + size;
}

void expect_device(const void* pointer, size_t bytes, const char* what) {
  bool touches = false;
  if (!on_device(pointer, bytes, &touches))
    throw std::logic_error("fake device: " + std::string(what) + ": " + std::to_string(bytes) +
                           (touches ? " bytes reach beyond an allocation on the device"
                                    : " bytes are not on the device"));
}

void expect_host(const void* pointer, size_t bytes, const char* what) {
  bool touches = false;
  on_device(pointer, bytes, &touches);
  if (touches)
    throw std::logic_error("fake device: " + std::string(what) + ": host memory is the device's");
}

size_t span_2d(size_t pitch, size_t width_bytes, size_t rows) {
  if (pitch < width_bytes)
    throw std::logic_error("fake device: a pitch of " + std::to_string(pitch) + " for a row of " +
                           std::to_string(width_bytes) + " bytes");
  return (rows - 1) * pitch + width_bytes;
}

void copy_rows_of_bytes(void* to, size_t to_pitch, const void* from, size_t from_pitch,
                        size_t width_bytes, size_t rows) {
  for (size_t i = 0; i < rows; ++i)
    std::memcpy(static_cast<char*>(to) + i * to_pitch,
                static_cast<const char*>(from) + i * from_pitch, width_bytes);
}

// Takes its addresses at once and their memory, with its NaNs, as it is committed.
class FakeArena final : public Arena {
 public:
  FakeArena() : reserved_(rounded(limit())) {
    void* base =
        mmap(nullptr, reserved_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) throw MachineError("fake device: no addresses for an arena");
    base_ = static_cast<char*>(base);
  }
  ~FakeArena() override {
    Allocations& all = allocations();
    const std::lock_guard lock(all.mutex);
    all.total -= committed_;
    all.sizes.erase(reinterpret_cast<uintptr_t>(base_));
    munmap(base_, reserved_);
  }
  FakeArena(const FakeArena&) = delete;
  FakeArena& operator=(const FakeArena&) = delete;

  char* base() const override { return base_; }
  size_t committed() const override { return committed_; }
  bool commit(size_t bytes) override {
    if (bytes <= committed_) return true;
    if (bytes > reserved_) return false;
    const size_t more = rounded(bytes) - committed_;
    Allocations& all = allocations();
    const std::lock_guard lock(all.mutex);
    const size_t most = limit();
    if (all.total > most || more > most - all.total) return false;
    if (mprotect(base_ + committed_, more, PROT_READ | PROT_WRITE) != 0) return false;
    std::memset(base_ + committed_, 0xFF, more);
    committed_ += more;
    all.total += more;
    all.sizes[reinterpret_cast<uintptr_t>(base_)] = committed_;
    return true;
  }

 private:
  static size_t rounded(size_t bytes) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    return std::max((bytes + page - 1) / page, size_t{1}) * page;
  }

  char* base_ = nullptr;
  size_t reserved_ = 0;
  size_t committed_ = 0;
};

}  // namespace

void expect_global(const void* pointer, size_t bytes) {
  expect_device(pointer, bytes, "an access to global memory");
}

std::unique_ptr<Arena> make_arena() { return std::make_unique<FakeArena>(); }

int device_count() { return 1; }

DeviceInfo device_info(int index) {
  if (index != 0)
    throw InputError("there is no CUDA device " + std::to_string(index) +
                     ": there are 0 (fake device)");
  return {"fake device", limit(), 80, "fake", "fake"};
}

DeviceInfo select_device(int index) { return device_info(index); }

Stream make_stream() { return {}; }
void destroy_stream(Stream) noexcept {}
void synchronize(Stream) {}

void* device_allocate(size_t bytes) {
  bytes = std::max(bytes, size_t{1});
  Allocations& all = allocations();
  const std::lock_guard lock(all.mutex);
  const size_t most = limit();
  if (all.total > most || bytes > most - all.total) return nullptr;
  void* pointer = nullptr;
  if (posix_memalign(&pointer, kAlignment, bytes) != 0) return nullptr;
  std::memset(pointer, 0xFF, bytes);  // NaNs
  all.sizes[reinterpret_cast<uintptr_t>(pointer)] = bytes;
  all.total += bytes;
  return pointer;
}

void device_free(void* pointer) noexcept {
  if (pointer == nullptr) return;
  Allocations& all = allocations();
  const std::lock_guard lock(all.mutex);
  const auto found = all.sizes.find(reinterpret_cast<uintptr_t>(pointer));
  if (found == all.sizes.end()) {
    std::fputs("fake device: device_free of what is no allocation\n", stderr);
    std::abort();
  }
  all.total -= found->second;
  all.sizes.erase(found);
  std::free(pointer);
}

void copy_to_device(Stream, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  expect_device(to, bytes, "copy_to_device's target");
  expect_host(from, bytes, "copy_to_device's source");
  std::memcpy(to, from, bytes);
}

void copy_from_device(Stream, void* to, const void* from, size_t bytes) {
  if (bytes == 0) return;
  expect_host(to, bytes, "copy_from_device's target");
  expect_device(from, bytes, "copy_from_device's source");
  std::memcpy(to, from, bytes);
}

void copy_2d_to_device(Stream, void* to, size_t to_pitch, const void* from, size_t from_pitch,
                       size_t width_bytes, size_t rows) {
  if (width_bytes == 0 || rows == 0) return;
  expect_device(to, span_2d(to_pitch, width_bytes, rows), "copy_2d_to_device's target");
  expect_host(from, span_2d(from_pitch, width_bytes, rows), "copy_2d_to_device's source");
  copy_rows_of_bytes(to, to_pitch, from, from_pitch, width_bytes, rows);
}

void copy_2d_from_device(Stream, void* to, size_t to_pitch, const void* from, size_t from_pitch,
                         size_t width_bytes, size_t rows) {
  if (width_bytes == 0 || rows == 0) return;
  expect_host(to, span_2d(to_pitch, width_bytes, rows), "copy_2d_from_device's target");
  expect_device(from, span_2d(from_pitch, width_bytes, rows), "copy_2d_from_device's source");
  copy_rows_of_bytes(to, to_pitch, from, from_pitch, width_bytes, rows);
}

void fill_zero_2d(Stream, void* to, size_t pitch, size_t width_bytes, size_t rows) {
  if (width_bytes == 0 || rows == 0) return;
  expect_device(to, span_2d(pitch, width_bytes, rows), "fill_zero_2d");
  for (size_t i = 0; i < rows; ++i) std::memset(static_cast<char*>(to) + i * pitch, 0, width_bytes);
}

}  // namespace rankscope::fake_cuda
