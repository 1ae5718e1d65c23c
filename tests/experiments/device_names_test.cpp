// Names of devices, and which GPU each worker of a sweep gets.
#include <catch2/catch.hpp>

#include <filesystem>

#include "engine/backend/devices.h"
#include "experiments/device_names.h"
#include "experiments/sweep/worker.h"

using namespace rankscope;

namespace {

// The devices of so many workers.
std::vector<std::string> devices(const std::string& device, int workers,
                                 const std::vector<int>& usable) {
  std::vector<std::string> all;
  for (int i = 0; i < workers; ++i) all.push_back(worker_device(device, i, usable));
  return all;
}

}  // namespace

TEST_CASE("a GPU is named cuda or cuda:N") {
  CHECK(gpu_index("cuda") == 0);
  CHECK(gpu_index("cuda:0") == 0);
  CHECK(gpu_index("cuda:11") == 11);
  for (const char* text : {"", "cpu", "auto", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ", "cuda1",
                           "CUDA", "cuda:99999999999"}) {
    INFO(text);
    CHECK_FALSE(gpu_index(text));
  }
  for (const char* text : {"cpu", "cuda", "cuda:3", "auto"}) CHECK(is_device_name(text));
  for (const char* text : {"", "gpu", "cuda:", "cpu:0", "Auto"}) CHECK_FALSE(is_device_name(text));
}

TEST_CASE("workers take the GPUs in turn, or share the one that was named") {
  using Names = std::vector<std::string>;
  using Indices = std::vector<int>;
  CHECK(devices("cpu", 3, {}) == Names{"cpu", "cpu", "cpu"});
  CHECK(devices("cpu", 2, {0, 1, 2, 3}) == Names{"cpu", "cpu"});
  CHECK(devices("cuda", 2, {0}) == Names{"cuda:0", "cuda:0"});
  CHECK(devices("cuda", 5, {0, 1}) == Names{"cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"});
  CHECK(devices("cuda", 3, {1, 3}) == Names{"cuda:1", "cuda:3", "cuda:1"});
  CHECK(devices("cuda:1", 3, {0, 1, 2, 3}) == Names{"cuda:1", "cuda:1", "cuda:1"});
  CHECK(gpus_in_use("cpu", Indices{0, 1}) == 0);
  CHECK(gpus_in_use("cuda", Indices{0, 1, 5}) == 3);
  CHECK(gpus_in_use("cuda:5", Indices{0, 1, 5}) == 1);
}

TEST_CASE("a worker's command carries its device and its threads, and no precision") {
  CHECK(worker_command("runs/a b", {"0123-45", "0123-67"}, "cuda:1", 3) ==
        std::vector<std::string>{"rankscope", "trial", "runs/a b", "0123-45", "0123-67", "--device",
                                 "cuda:1", "--threads", "3", "--json"});
}
