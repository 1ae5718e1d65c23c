// Facts about the machine and the process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "engine/backend/backend.h"

namespace rankscope {

std::string processor_name();
int64_t total_memory_mib();
// In bytes, the lowest limit that the control groups of this process (a container, a job, a
// service), or those above them, set on their memory; nothing where none does. Reads
// proc/self/cgroup and sys/fs/cgroup below `root`, of version 2 and 1.
std::optional<std::int64_t> control_group_memory(const std::filesystem::path& root = "/");
// What this process and those that it starts may take: the machine's, within the control groups'
// limits and that of the process (RLIMIT_AS, which schedulers set to what a job asked for).
std::int64_t usable_memory_mib();
// The most memory this process has had resident since its start, or since restart_peak_memory(), in
// MiB (VmHWM); 0 where the system does not say.
double peak_memory_mib();
// The most memory of the backend's device that its tensors took, in MiB; the process's where the
// backend does not count.
double peak_memory_mib(const Backend& backend);
// Makes peak_memory_mib() that of what follows, of the process and of the backend; whether the
// system let it.
bool restart_peak_memory(Backend& backend);
std::string onednn_version();
// GFLOP/s of the backend's own product [m, k] x [k, n], the median over about `seconds`.
double product_gflops(Backend& backend, std::int64_t m, std::int64_t n, std::int64_t k,
                      double seconds);
// GB/s of the backend's memory, reads and writes counted, from additions far beyond its caches.
double memory_gigabytes(Backend& backend, double seconds);

}  // namespace rankscope
