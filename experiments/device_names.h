// The names of devices, and which GPU each of a sweep's workers computes on.
#pragma once

#include <string>
#include <string_view>

namespace rankscope {

// cpu, cuda, cuda:N or auto, whether there is such a device here or not.
bool is_device_name(std::string_view text);
inline constexpr std::string_view kDeviceNames = "cpu, cuda, cuda:N or auto";

// Of workers on `device` (cpu, cuda or cuda:N) on a machine with so many GPUs: how many GPUs they
// use, and which device the one in the place `worker` (from 0) has. "cuda" means all GPUs, in turn;
// "cuda:N" that one alone.
int gpus_in_use(const std::string& device, int gpus);
std::string worker_device(const std::string& device, int worker, int gpus);

}  // namespace rankscope
