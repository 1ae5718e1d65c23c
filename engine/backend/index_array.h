// Arrays of the host that kernels index with, and what a device keeps of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace rankscope {

// A device's copy of an array or structure of the host's, made when a kernel first needs it and
// kept beside it. It belongs to the copied object alone: a copy of that begins without one.
class DeviceCopy {
 public:
  DeviceCopy() = default;
  DeviceCopy(const DeviceCopy&) {}
  DeviceCopy& operator=(const DeviceCopy&) {
    memory_ = nullptr;
    return *this;
  }
  // What `owner` (a backend) made with `make`, now or before.
  const void* get(const void* owner,
                  const std::function<std::shared_ptr<const void>()>& make) const {
    if (memory_ == nullptr || owner_ != owner) {
      memory_ = make();
      owner_ = owner;
    }
    return memory_.get();
  }

 private:
  mutable std::shared_ptr<const void> memory_;
  mutable const void* owner_ = nullptr;
};

// A vector that is not changed once a kernel has been given it.
template <typename T>
class IndexArray : public std::vector<T> {
 public:
  using std::vector<T>::vector;
  IndexArray(std::vector<T> values) : std::vector<T>(std::move(values)) {}  // NOLINT
  const DeviceCopy& device_copy() const { return copy_; }
  // The same, grouped by value for a device that adds up what belongs together.
  const DeviceCopy& device_groups() const { return groups_; }

 private:
  DeviceCopy copy_;
  DeviceCopy groups_;
};

using Indices = IndexArray<int32_t>;
using RowIds = IndexArray<uint64_t>;

}  // namespace rankscope
