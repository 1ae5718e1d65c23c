// The names of devices, and which GPU each of a sweep's workers computes on.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace rankscope {

// cpu, cuda, cuda:N or auto, whether there is such a device here or not.
bool is_device_name(std::string_view text);
inline constexpr std::string_view kDeviceNames = "cpu, cuda, cuda:N or auto";

// Of workers on `device` (cpu, cuda or cuda:N) on a machine of whose GPUs these are usable: how
// many GPUs they use, and which device the one in the place `worker` (from 0) has. "cuda" means all
// usable GPUs, in turn; "cuda:N" that one alone.
int gpus_in_use(const std::string& device, std::span<const int> usable);
std::string worker_device(const std::string& device, int worker, std::span<const int> usable);

// refuse_head_dim of the base in a folder, which is read where the device is a GPU.
void refuse_head_dim_of(const std::filesystem::path& base, const std::string& device);

}  // namespace rankscope
