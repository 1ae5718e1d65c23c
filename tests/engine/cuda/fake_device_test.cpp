// The fake device itself: what kernels may rely on, and that it says where they break the rules.
#if !defined(RANKSCOPE_FAKE_DEVICE)
#define RANKSCOPE_FAKE_DEVICE 1
#endif

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/draws.h"
#include "common/error.h"
#include "engine/backend/cuda/arena.h"
#include "engine/backend/cuda/device.h"
#include "engine/backend/cuda/device_allocator.h"
#include "engine/backend/cuda/device_memory.h"
#include "engine/backend/cuda/gemm.h"
#include "engine/backend/cuda/kernels/chunk.cuh"

namespace rankscope::fake_cuda {
namespace {

using Catch::Contains;

__global__ void number(int* out, int offset) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  out[block * blockDim.x + threadIdx.x] =
      static_cast<int>(block * 1000 + threadIdx.x) + offset + static_cast<int>(threadIdx.y);
}

TEST_CASE("the fake device runs every thread of a grid", "[cuda]") {
  const bool reverse = GENERATE(false, true);
  run_in_reverse(reverse);
  std::vector<int> out(2 * 3 * 4 * 64, -1);
  launch(number, dim3(2, 3, 4), 64, 0, Stream{}, out.data(), int64_t{7});
  run_in_reverse(false);
  for (int i = 0; i < static_cast<int>(out.size()); ++i)
    REQUIRE(out[i] == i / 64 * 1000 + i % 64 + 7);
  launch(number, dim3(0), 64, 0, Stream{}, nullptr, 0);
}

// Sums by halving, in dynamic shared memory, and by warps.
__global__ void sum(const float* x, float* by_halving, float* by_warps) {
  float* values = dynamic_shared<float>();
  __shared__ float parts[kWarp];
  const unsigned t = threadIdx.x;
  const float mine = x[blockIdx.x * blockDim.x + t];
  values[t] = mine;
  sync_threads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (t < half) values[t] += values[t + half];
    sync_threads();
  }
  if (t == 0) by_halving[blockIdx.x] = values[0];

  const float warp = warp_sum(mine);
  if (t % kWarp == 0) parts[t / kWarp] = warp;
  sync_threads();
  float all = 0.0f;
  for (unsigned w = 0; w < blockDim.x / kWarp; ++w) all += parts[w];
  by_warps[blockIdx.x * blockDim.x + t] = all;
}

TEST_CASE("the fake device's barriers order the memory of a block", "[cuda]") {
  const int threads = GENERATE(32, 256, 1024);
  const bool reverse = GENERATE(false, true);
  const int blocks = 5;
  std::vector<float> x(static_cast<size_t>(blocks * threads));
  std::iota(x.begin(), x.end(), 1.0f);
  std::vector<float> by_halving(blocks);
  std::vector<float> by_warps(x.size());
  run_in_reverse(reverse);
  launch(sum, blocks, threads, static_cast<size_t>(threads) * sizeof(float), Stream{}, x.data(),
         by_halving.data(), by_warps.data());
  run_in_reverse(false);
  for (int block = 0; block < blocks; ++block) {
    const double first = block * threads + 1;
    const double expected = threads * (first + first + threads - 1) / 2;
    CHECK(by_halving[block] == Approx(expected));
    for (int t = 0; t < threads; ++t) REQUIRE(by_warps[block * threads + t] == Approx(expected));
  }
}

__global__ void lanes(float* floats, double* doubles, int* ints) {
  const int t = static_cast<int>(threadIdx.x);
  floats[t] = shuffle_xor(static_cast<float>(t) + 0.5f, 3) + 1000 * shuffle(t * 1.0f, 5);
  doubles[t] = shuffle_xor(t + 1e-12, 16);
  ints[t] = shuffle_xor(t, 31) + 1000 * shuffle(-t, t % kWarp / 2);
  sync_warp();
}

TEST_CASE("the fake device's lanes exchange values within their warp", "[cuda]") {
  std::vector<float> floats(64);
  std::vector<double> doubles(64);
  std::vector<int> ints(64);
  launch(lanes, 1, 64, 0, Stream{}, floats.data(), doubles.data(), ints.data());
  for (int t = 0; t < 64; ++t) {
    const int first = t / 32 * 32;
    CHECK(floats[t] == static_cast<float>(t ^ 3) + 0.5f + 1000.0f * static_cast<float>(first + 5));
    CHECK(doubles[t] == (t ^ 16) + 1e-12);
    CHECK(ints[t] == (t ^ 31) - 1000 * (first + t % 32 / 2));
  }
}

// c [16, 8] += a [16, 16] b [16, 8], from and to memory.
__global__ void multiply_tile(const Bf16* a, const Bf16* b, float* c) {
  const int g = static_cast<int>(threadIdx.x) / 4;
  const int t = static_cast<int>(threadIdx.x) % 4;
  const auto pair = [](Bf16 low, Bf16 high) {
    return static_cast<uint32_t>(low.bits) | static_cast<uint32_t>(high.bits) << 16;
  };
  const auto pair_a = [&](int row, int col) {
    return pair(a[row * 16 + col], a[row * 16 + col + 1]);
  };
  const auto pair_b = [&](int row, int col) {
    return pair(b[row * 8 + col], b[row * 8 + 8 + col]);
  };
  const uint32_t fragment_a[4] = {pair_a(g, 2 * t), pair_a(g + 8, 2 * t), pair_a(g, 2 * t + 8),
                                  pair_a(g + 8, 2 * t + 8)};
  const uint32_t fragment_b[2] = {pair_b(2 * t, g), pair_b(2 * t + 8, g)};
  float sums[4] = {c[g * 8 + 2 * t], c[g * 8 + 2 * t + 1], c[(g + 8) * 8 + 2 * t],
                   c[(g + 8) * 8 + 2 * t + 1]};
  mma_bf16(sums, fragment_a, fragment_b);
  c[g * 8 + 2 * t] = sums[0];
  c[g * 8 + 2 * t + 1] = sums[1];
  c[(g + 8) * 8 + 2 * t] = sums[2];
  c[(g + 8) * 8 + 2 * t + 1] = sums[3];
}

TEST_CASE("the fake device's matrix instruction sums in the order of k", "[cuda]") {
  for (int trial = 0; trial < 20; ++trial) {
    std::vector<Bf16> a(16 * 16);
    std::vector<Bf16> b(16 * 8);
    std::vector<float> c(16 * 8);
    const std::string name = "matrix " + std::to_string(trial);
    std::vector<float> drawn(a.size() + b.size() + c.size());
    Draws(1, "test", name).fill_normal(drawn);
    for (size_t i = 0; i < a.size(); ++i) a[i] = from_float<Bf16>(drawn[i]);
    for (size_t i = 0; i < b.size(); ++i) b[i] = from_float<Bf16>(drawn[a.size() + i]);
    for (size_t i = 0; i < c.size(); ++i) c[i] = drawn[a.size() + b.size() + i];
    std::vector<float> expected = c;
    for (int i = 0; i < 16; ++i)
      for (int j = 0; j < 8; ++j) {
        float total = 0.0f;
        for (int k = 0; k < 16; ++k) total += to_float(a[i * 16 + k]) * to_float(b[k * 8 + j]);
        expected[i * 8 + j] += total;
      }
    launch(multiply_tile, 1, kWarp, 0, Stream{}, a.data(), b.data(), c.data());
    REQUIRE(c == expected);
  }
}

TEST_CASE("bfloat16 is rounded to nearest, ties to even", "[cuda]") {
  const auto rounded = [](uint32_t bits) {
    return from_float<Bf16>(std::bit_cast<float>(bits)).bits;
  };
  CHECK(rounded(0x3F808000) == 0x3F80);
  CHECK(rounded(0x3F808001) == 0x3F81);
  CHECK(rounded(0x3F818000) == 0x3F82);
  CHECK(rounded(0xBF817FFF) == 0xBF81);
  CHECK(rounded(0x7F7FFFFF) == 0x7F80);
  CHECK(rounded(0xFF800000) == 0xFF80);
  CHECK(rounded(0x7F800001) == 0x7FFF);
}

// ---- Misuse -------------------------------------------------------------------------------------

enum class Fault {
  kNone,
  kEndBeforeBarrier,
  kEndBeforeShuffle,
  kBarrierInBranch,
  kOtherCollective,
  kOtherMask,
  kThrow,
  kWriteBehind,
  kWriteBefore,
  kBadMask,
  kLaunch,
  kStoreToShared,
};

// Thread 37 of block (0, 1, 0) does what it must not. `alive` counts objects on the threads'
// stacks.
__global__ void misuse(Fault fault, int* alive) {
  struct Counted {
    int* count;
    explicit Counted(int* c) : count(c) { ++*count; }
    ~Counted() { --*count; }
  } counted(alive);
  unsigned char* shared = dynamic_shared<unsigned char>();
  const bool bad = blockIdx.y == 1 && threadIdx.x == 37;
  sync_threads();
  if (bad && fault == Fault::kThrow) throw std::runtime_error("from a kernel");
  if (bad && fault == Fault::kWriteBehind) shared[100] = 1;
  if (bad && fault == Fault::kWriteBefore) shared[-4] = 1;
  if (bad && fault == Fault::kBadMask) shuffle_xor(1, 32);
  if (bad && fault == Fault::kLaunch) launch(number, 1, 32, 0, Stream{}, nullptr, 0);
  if (bad && fault == Fault::kStoreToShared) {
    __shared__ float chunk[kChunk];
    const float zeros[kChunk] = {};
    store(zeros, kChunk, true, chunk);
  }
  if (bad && fault == Fault::kEndBeforeShuffle) return;
  if (bad && fault == Fault::kBarrierInBranch) sync_threads();
  if (bad && fault == Fault::kOtherCollective) sync_warp();
  shuffle_xor(1.0f, bad && fault == Fault::kOtherMask ? 2 : 1);
  if (bad && fault == Fault::kEndBeforeBarrier) return;
  sync_threads();
}

std::string message_of(Fault fault) {
  int alive = 0;
  try {
    launch(misuse, dim3(1, 2), 96, 100, Stream{}, fault, &alive);
  } catch (const std::logic_error& e) {
    CHECK(alive == 0);
    return e.what();
  }
  CHECK(alive == 0);
  return "";
}

TEST_CASE("the fake device says where a kernel breaks the rules", "[cuda]") {
  const std::string block = "fake device: block (0, 1, 0)";
  CHECK(message_of(Fault::kNone) == "");
  CHECK(message_of(Fault::kEndBeforeBarrier) ==
        block + ", thread 0 waits at sync_threads() while thread 37 has ended");
  CHECK(message_of(Fault::kEndBeforeShuffle) ==
        block + ", thread 32 waits at shuffle_xor(float) while thread 37 has ended");
  CHECK(message_of(Fault::kBarrierInBranch) ==
        block + ", thread 32 waits at shuffle_xor(float) while thread 37 waits at sync_threads()");
  CHECK(message_of(Fault::kOtherCollective) ==
        block +
            ", thread 37 comes to sync_warp() where lanes of its warp wait at "
            "shuffle_xor(float)");
  CHECK(message_of(Fault::kOtherMask) ==
        block +
            ", thread 37 comes to shuffle_xor(float) with mask 2 where lanes of its warp wait "
            "with mask 1");
  CHECK(message_of(Fault::kWriteBehind) ==
        block + ": byte 100 was written of 100 of dynamic shared memory");
  CHECK(message_of(Fault::kWriteBefore) ==
        block + ": byte -4 was written of 100 of dynamic shared memory");
  CHECK_THAT(message_of(Fault::kBadMask), Contains("mask 32"));
  CHECK_THAT(message_of(Fault::kLaunch), Contains("a launch within a kernel"));
  CHECK_THAT(message_of(Fault::kStoreToShared), Contains("an access to global memory"));
  CHECK_THROWS_AS(message_of(Fault::kThrow), std::runtime_error);
  CHECK(message_of(Fault::kNone) == "");  // nothing is left of the failures

  CHECK_THROWS_AS(sync_threads(), std::logic_error);
  for (const int threads : {0, 16, 33, 1056})
    CHECK_THROWS_AS(launch(number, 1, threads, 0, Stream{}, nullptr, 0), std::logic_error);
  CHECK_THROWS_AS(launch(number, 1, 32, 99 * 1024 + 1, Stream{}, nullptr, 0), std::logic_error);
  CHECK_THROWS_AS(launch(number, dim3(1, 65536), 32, 0, Stream{}, nullptr, 0), std::logic_error);
}

// Thread 0 writes what all read, without a barrier; and reads memory that nobody wrote.
__global__ void unordered(int* out, float* unwritten) {
  int* shared = dynamic_shared<int>();
  if (threadIdx.x == 0) shared[0] = 5;
  out[threadIdx.x] = shared[0];
  unwritten[threadIdx.x] = dynamic_shared<float>()[1];
}

TEST_CASE("the fake device shows a lacking barrier in reverse, unwritten memory as NaN", "[cuda]") {
  std::vector<int> out(64);
  std::vector<float> unwritten(64);
  launch(unordered, 1, 64, 8, Stream{}, out.data(), unwritten.data());
  CHECK(out == std::vector<int>(64, 5));
  CHECK(std::all_of(unwritten.begin(), unwritten.end(), [](float x) { return x != x; }));
  run_in_reverse(true);
  launch(unordered, 1, 64, 8, Stream{}, out.data(), unwritten.data());
  run_in_reverse(false);
  CHECK(out[0] == 5);
  CHECK(out[63] == -1);
}

// ---- Memory and products
// --------------------------------------------------------------------------

struct Limit {
  explicit Limit(const char* bytes) { setenv("RANKSCOPE_FAKE_BYTES", bytes, 1); }
  ~Limit() { unsetenv("RANKSCOPE_FAKE_BYTES"); }
};

TEST_CASE("the fake device's memory is limited, NaN and apart from the host's", "[cuda]") {
  CHECK(device_count() == 1);
  CHECK_THROWS_AS(select_device(1), InputError);
  const Limit limit("1000");
  CHECK(select_device(0).total_bytes == 1000);
  auto* a = static_cast<float*>(device_allocate(600));
  REQUIRE(a != nullptr);
  CHECK(a[149] != a[149]);
  CHECK(device_allocate(401) == nullptr);
  void* b = device_allocate(400);
  device_free(b);

  const Stream stream = make_stream();
  std::vector<float> host(150, 1.0f);
  const size_t bytes = host.size() * sizeof(float);
  copy_to_device(stream, a, host.data(), bytes);
  fill_zero_2d(stream, a + 1, 40, 8, 15);  // columns 1 and 2 of 10
  copy_2d_from_device(stream, host.data(), 8, a + 2, 40, 8, 15);
  for (int i = 0; i < 30; ++i) CHECK(host[i] == (i % 2 == 0 ? 0.0f : 1.0f));
  CHECK_THROWS_AS(copy_to_device(stream, host.data(), host.data() + 50, 4), std::logic_error);
  CHECK_THROWS_AS(copy_to_device(stream, a, a + 50, 4), std::logic_error);
  CHECK_THROWS_AS(copy_from_device(stream, host.data(), a + 1, bytes), std::logic_error);
  CHECK_THROWS_AS(fill_zero_2d(stream, a + 2, 40, 40, 15), std::logic_error);
  CHECK_THROWS_AS(fill_zero_2d(stream, a, 4, 40, 1), std::logic_error);
  synchronize(stream);
  destroy_stream(stream);
  device_free(a);
  device_free(nullptr);
}

TEST_CASE("the fake device's arena commits what the limit allows", "[cuda]") {
  const Limit limit("40000");
  {
    const std::unique_ptr<Arena> arena = make_arena();
    CHECK(arena->committed() == 0);
    REQUIRE(arena->commit(5000));
    CHECK(arena->committed() >= 5000);
    CHECK(static_cast<unsigned char>(arena->base()[4999]) == 0xFF);
    fill_zero_2d(Stream{}, arena->base(), 5000, 5000, 1);
    REQUIRE(arena->commit(20000));
    CHECK(arena->base()[4999] == 0);
    fill_zero_2d(Stream{}, arena->base() + 4000, 16000, 16000, 1);
    CHECK_THROWS_AS(fill_zero_2d(Stream{}, arena->base() + 20000, 20000, 20000, 1),
                    std::logic_error);
    CHECK_FALSE(arena->commit(40001));
  }
}

// Whether the allocator has so many bytes more; they are released again.
bool has(DeviceAllocator& allocator, size_t bytes) {
  try {
    allocator.release(allocator.acquire(bytes), bytes);
    return true;
  } catch (const OutOfGpuMemory&) {
    return false;
  }
}

TEST_CASE("memory that cannot be mapped is released, and unmapped where it was", "[cuda]") {
  std::string done;
  const auto mapped = [&](int map, int open) {
    done.clear();
    const auto step = [&](char name, int code) {
      done += name;
      return code;
    };
    return map_or_release([&] { return step('m', map); }, [&] { return step('o', open); },
                          [&] { done += 'u'; }, [&] { done += 'r'; });
  };
  CHECK(mapped(0, 0) == 0);
  CHECK(done == "mo");
  CHECK(mapped(2, 0) == 2);
  CHECK(done == "mr");
  CHECK(mapped(0, 2) == 2);
  CHECK(done == "mour");
}

TEST_CASE("a device's memory is handed out again after more than it has was refused", "[cuda]") {
  constexpr size_t kMiB = size_t{1} << 20;
  const Limit limit("10485760");
  DeviceAllocator allocator;
  void* const first = allocator.acquire(6 * kMiB);
  CHECK_FALSE(has(allocator, 5 * kMiB));
  CHECK(has(allocator, 4 * kMiB));
  // A block in use at the end keeps what was refused apart from what is free.
  void* const last = allocator.acquire(kMiB);
  CHECK_FALSE(has(allocator, 4 * kMiB));
  allocator.release(first, 6 * kMiB);
  CHECK(has(allocator, 6 * kMiB));
  CHECK_FALSE(has(allocator, 7 * kMiB));
  allocator.release(last, kMiB);
  CHECK_FALSE(has(allocator, 11 * kMiB));
  CHECK(has(allocator, 10 * kMiB));
}

TEST_CASE("the most of a device's memory that was in use is counted anew where it is asked for",
          "[cuda]") {
  DeviceAllocator allocator;
  void* const kept = allocator.acquire(1024);
  const size_t before = allocator.most_in_use();
  CHECK(has(allocator, size_t{1} << 20));
  CHECK(allocator.most_in_use() >= before + (size_t{1} << 20));
  allocator.restart_most();
  CHECK(allocator.most_in_use() == before);
  allocator.release(kept, 1024);
  CHECK(allocator.most_in_use() == before);
}

TEST_CASE("the fake device's wide products", "[cuda]") {
  const auto gemm = make_gemm(Stream{});
  const std::vector<float> left{1, 2, 3, 4, 5, 6};    // [2, 3]
  const std::vector<float> right{1, 0, 2, -1, 3, 1};  // [3, 2], or [2, 3] transposed
  const ConstMatrix x{left.data(), 2, 3, 3};
  const float nan = std::nanf("");

  std::vector<float> out(2 * 3, nan);  // rows of 2, 3 apart
  gemm->run(x, WeightView{right.data(), DType::kF32, 3, 2, 2, 1}, 2.0f, {}, {out.data(), 2, 2, 3});
  CHECK(out[0] == 28);
  CHECK(out[1] == 2);
  CHECK(out[2] != out[2]);
  CHECK(out[3] == 64);
  CHECK(out[4] == 2);
  const Matrix to{out.data(), 2, 2, 3};
  gemm->run(x, WeightView{right.data(), DType::kF32, 3, 2, 1, 3}, 1.0f, to, to);
  CHECK(out[0] == 28 + 7);
  CHECK(out[1] == 2 + 8);
  CHECK(out[3] == 64 + 16);
  CHECK(out[4] == 2 + 17);

  std::vector<Bf16> narrow;
  for (const float value : left) narrow.push_back(from_float<Bf16>(value));
  const ConstMatrix y{reinterpret_cast<const float*>(narrow.data()), 2, 3, 3, DType::kBF16};
  std::vector<Bf16> product(4);
  gemm->run(y, WeightView::of(y).transposed(), 10.0f, {},
            {reinterpret_cast<float*>(product.data()), 2, 2, 2, DType::kBF16});
  CHECK(to_float(product[0]) == 140);
  CHECK(to_float(product[1]) == 320);
  CHECK(to_float(product[3]) == 768);  // 770 lies between 768 and 772, and rounds to the even one

  std::vector<float> outer(9, 1.0f);
  gemm->outer(x, x, {outer.data(), 3, 3, 3});
  CHECK(outer == std::vector<float>{18, 23, 28, 23, 30, 37, 28, 37, 46});
  CHECK_THROWS_AS(gemm->outer(x, y, {outer.data(), 3, 3, 3}), std::logic_error);
}

}  // namespace
}  // namespace rankscope::fake_cuda
