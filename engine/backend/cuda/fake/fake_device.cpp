// The fake device's scheduler. A thread of a block that never waits runs on the stack of the one
// before it; a thread that waits keeps its stack and gives way to the next that can run, without a
// detour over the launching context.
#if !defined(RANKSCOPE_FAKE_DEVICE)
#define RANKSCOPE_FAKE_DEVICE 1
#endif

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/error.h"
#include "engine/backend/cuda/device.h"

#if !defined(__x86_64__) || !defined(__linux__)
#define RANKSCOPE_UCONTEXT 1
#endif
#if defined(RANKSCOPE_UCONTEXT)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define RANKSCOPE_ASAN 1
#elif defined(__SANITIZE_THREAD__)
#define RANKSCOPE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RANKSCOPE_ASAN 1
#elif __has_feature(thread_sanitizer)
#define RANKSCOPE_TSAN 1
#endif
#endif
#if defined(RANKSCOPE_ASAN)
#include <sanitizer/common_interface_defs.h>
#elif defined(RANKSCOPE_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if !defined(RANKSCOPE_UCONTEXT)
// Leaves the callee's registers on the old stack and takes those on the new one. Floating-point
// modes are not switched: kernels do not change them.
extern "C" void rankscope_switch_stack(void** old_stack, void* new_stack);
asm(R"(
.pushsection .text
.type rankscope_switch_stack, @function
rankscope_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size rankscope_switch_stack, .-rankscope_switch_stack
.popsection
)");
#endif

namespace rankscope::fake_cuda {
namespace {

constexpr size_t kStackBytes = 256 * 1024;  // only what is used of it takes memory
constexpr size_t kGuardBytes = 1024;
// Of compute capabilities 8.6 and 8.9, the least among those that run the kernels: code for 8.0,
// which has 163 KiB, is theirs too.
constexpr size_t kMostSharedBytes = 99 * 1024;
constexpr int kMostThreads = 1024;
constexpr unsigned char kGuard = 0xA5;
constexpr uint32_t kAllLanes = 0xFFFFFFFFu;

enum class Wait : uint8_t {
  kThreads,
  kWarp,
  kXorFloat,
  kXorDouble,
  kXorInt,
  kShuffleFloat,
  kShuffleInt,
  kMma,
};
constexpr std::array kWaitNames{"sync_threads()",      "sync_warp()",      "shuffle_xor(float)",
                                "shuffle_xor(double)", "shuffle_xor(int)", "shuffle(float)",
                                "shuffle(int)",        "mma_bf16()"};

// Thrown into threads that wait when another of their block has failed.
struct Abandoned {};

// A stack with what runs on it; the launching OS thread's own is one too.
struct Fiber {
#if defined(RANKSCOPE_UCONTEXT)
  ucontext_t context;
#else
  void* stack_pointer = nullptr;
#endif
#if defined(RANKSCOPE_ASAN)
  void* fake_stack = nullptr;
  const void* bottom = nullptr;
  size_t size = 0;
#elif defined(RANKSCOPE_TSAN)
  void* tsan = nullptr;
#endif
  char* mapping = nullptr;
  int place = 0;  // of the thread that it is to run
};

struct Fragments {
  uint32_t a[4];
  uint32_t b[2];
};

// What lanes give each other. A warp has two: before a lane comes to the collective after the next,
// all have taken what they wanted from this one.
struct Exchange {
  uint64_t values[kWarp];
  Fragments fragments[kWarp];
  float products[kWarp][4];
};

// Places are threads in the order in which they begin: from the first or from the last.
struct Warp {
  uint32_t ready = 0;  // places that can run and do not
  uint32_t ended = 0;
  int arrived = 0;
  Wait wait = Wait::kWarp;
  int detail = 0;  // shuffle_xor's mask
  unsigned rounds = 0;
  Exchange exchanges[2];
};

struct Thread {
  Fiber* fiber = nullptr;   // null before it begins and after it has ended
  Wait wait = Wait::kWarp;  // the last
};

class Scheduler {
 public:
  Scheduler() {
    const char* reverse = std::getenv("RANKSCOPE_FAKE_REVERSE");
    reverse_ = reverse != nullptr && std::strcmp(reverse, "1") == 0;
  }
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void set_reverse(bool reverse) { reverse_ = reverse; }
  void run_grid(void (*body)(const void*), const void* context, dim3 grid, int threads,
                size_t shared_bytes);

  int lane() const { return static_cast<int>(threadIdx.x) % kWarp; }
  Warp& warp() { return warps_[place_ / kWarp]; }
  Exchange& exchange() { return warp().exchanges[warp().rounds & 1]; }
  void wait_for_threads();
  void wait_for_warp(Wait wait, int detail);
  // Where a fiber begins, and stays.
  [[noreturn]] void serve();

 private:
  void run_block();
  void run_thread();
  void give_way();
  bool choose_next();
  Fiber* free_fiber();
  Fiber* make_fiber();
  void switch_to(Fiber& to);
  void arrived_from(Fiber& from, void* fake_stack);
  int index_of(int place) const { return reverse_ ? threads_ - 1 - place : place; }
  void set_place(int place) {
    place_ = place;
    threadIdx.x = static_cast<unsigned>(index_of(place));
  }
  std::string where(int place) const;
  std::string state_of(int place) const;
  std::logic_error stuck() const;
  void check_guards() const;

  void (*body_)(const void*) = nullptr;
  const void* context_ = nullptr;
  int threads_ = 0;
  bool reverse_ = false;
  int place_ = 0;  // of the thread that runs
  int at_barrier_ = 0;
  int ended_ = 0;
  bool abandoned_ = false;
  std::exception_ptr failure_;
  std::vector<Thread> thread_;
  std::vector<Warp> warps_;
  std::vector<unsigned char> shared_;
  size_t shared_bytes_ = 0;

  Fiber launcher_;
  Fiber* running_ = nullptr;
  Fiber* previous_ = nullptr;  // that switched to the one that runs
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> free_;
};

constinit thread_local Scheduler* active = nullptr;  // null outside of launches

Scheduler& scheduler() {
  static thread_local Scheduler only;
  return only;
}

Scheduler& active_scheduler() {
  if (active == nullptr)
    throw std::logic_error("fake device: a kernel's function outside a kernel");
  return *active;
}

void serve_fiber() { active->serve(); }

Scheduler::~Scheduler() {
  for (const auto& fiber : fibers_) {
#if defined(RANKSCOPE_TSAN)
    __tsan_destroy_fiber(fiber->tsan);
#endif
    munmap(fiber->mapping, kStackBytes);
  }
}

Fiber* Scheduler::make_fiber() {
  auto fiber = std::make_unique<Fiber>();
  void* mapping = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED) throw MachineError("fake device: no memory for a thread's stack");
  fiber->mapping = static_cast<char*>(mapping);
  // A stack that overflows ends the program instead of writing into another.
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  mprotect(mapping, page, PROT_NONE);
  // The frames of different threads begin in different lines of the cache.
  const size_t colour = fibers_.size() % 32 * 512;
  char* const bottom = fiber->mapping + page;
  const size_t size = kStackBytes - page - colour;
#if defined(RANKSCOPE_UCONTEXT)
  getcontext(&fiber->context);
  fiber->context.uc_stack.ss_sp = bottom;
  fiber->context.uc_stack.ss_size = size;
  fiber->context.uc_link = nullptr;
  makecontext(&fiber->context, serve_fiber, 0);
#else
  // As rankscope_switch_stack leaves a stack: six registers and the address to return to; above
  // it a null in the place of serve_fiber's own, which aligns its frame.
  void** top = reinterpret_cast<void**>(bottom + size) - 8;
  std::memset(top, 0, 8 * sizeof(void*));
  top[6] = reinterpret_cast<void*>(&serve_fiber);
  fiber->stack_pointer = top;
#endif
#if defined(RANKSCOPE_ASAN)
  fiber->bottom = bottom;
  fiber->size = size;
#elif defined(RANKSCOPE_TSAN)
  fiber->tsan = __tsan_create_fiber(0);
#endif
  fibers_.push_back(std::move(fiber));
  return fibers_.back().get();
}

Fiber* Scheduler::free_fiber() {
  if (free_.empty()) return make_fiber();
  Fiber* fiber = free_.back();
  free_.pop_back();
  return fiber;
}

void Scheduler::arrived_from([[maybe_unused]] Fiber& from, [[maybe_unused]] void* fake_stack) {
#if defined(RANKSCOPE_ASAN)
  __sanitizer_finish_switch_fiber(fake_stack, &from.bottom, &from.size);
#endif
}

void Scheduler::switch_to(Fiber& to) {
  Fiber& from = *running_;
  previous_ = &from;
  running_ = &to;
#if defined(RANKSCOPE_ASAN)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.bottom, to.size);
#elif defined(RANKSCOPE_TSAN)
  __tsan_switch_to_fiber(to.tsan, 0);
#endif
#if defined(RANKSCOPE_UCONTEXT)
  swapcontext(&from.context, &to.context);
#else
  rankscope_switch_stack(&from.stack_pointer, to.stack_pointer);
#endif
#if defined(RANKSCOPE_ASAN)
  arrived_from(*previous_, from.fake_stack);
#endif
}

void Scheduler::serve() {
  arrived_from(*previous_, nullptr);
  for (;;) {
    // Until a thread that has begun comes next, all that do not wait run on this stack.
    set_place(running_->place);
    bool more = true;
    do {
      thread_[place_].fiber = running_;
      run_thread();
      thread_[place_].fiber = nullptr;
      ++ended_;
      warp().ended |= 1u << place_ % kWarp;
      more = failure_ == nullptr && choose_next();
      if (!more && failure_ == nullptr && ended_ != threads_)
        failure_ = std::make_exception_ptr(stuck());
    } while (more && thread_[place_].fiber == nullptr);
    free_.push_back(running_);
    switch_to(more ? *thread_[place_].fiber : launcher_);
  }
}

void Scheduler::run_thread() {
  try {
    body_(context_);
  } catch (const Abandoned&) {
  } catch (...) {
    failure_ = std::current_exception();
  }
}

// Moves place_ to a place that can run, in the same warp if there is one.
bool Scheduler::choose_next() {
  const int count = static_cast<int>(warps_.size());
  int w = place_ / kWarp;
  int lane = place_ % kWarp;
  for (int i = 0; i <= count; ++i) {
    // From the lane after this one, then from the first.
    const uint32_t later = warps_[w].ready & ~(kAllLanes >> (kWarp - 1 - lane));
    const uint32_t ready = later != 0 ? later : warps_[w].ready;
    if (ready != 0) {
      const int next = std::countr_zero(ready);
      warps_[w].ready &= ~(1u << next);
      set_place(w * kWarp + next);
      return true;
    }
    w = w + 1 == count ? 0 : w + 1;
    lane = kWarp - 1;
  }
  return false;
}

void Scheduler::give_way() {
  if (free_.empty()) free_.push_back(make_fiber());  // may throw, and place_ is this thread's yet
  if (!choose_next()) throw stuck();
  Thread& next = thread_[place_];
  if (next.fiber == nullptr) {
    next.fiber = free_fiber();
    next.fiber->place = place_;
  }
  switch_to(*next.fiber);
  if (abandoned_) throw Abandoned();
}

void Scheduler::wait_for_threads() {
  thread_[place_].wait = Wait::kThreads;
  if (++at_barrier_ < threads_) return give_way();
  at_barrier_ = 0;
  for (Warp& w : warps_) w.ready = kAllLanes;
  warp().ready &= ~(1u << place_ % kWarp);
}

void Scheduler::wait_for_warp(Wait wait, int detail) {
  Warp& w = warp();
  thread_[place_].wait = wait;
  if (w.arrived == 0) {
    w.wait = wait;
    w.detail = detail;
  } else if (w.wait != wait) {
    throw std::logic_error(where(place_) + " comes to " + kWaitNames[static_cast<int>(wait)] +
                           " where lanes of its warp wait at " +
                           kWaitNames[static_cast<int>(w.wait)]);
  } else if (w.detail != detail) {
    throw std::logic_error(where(place_) + " comes to " + kWaitNames[static_cast<int>(wait)] +
                           " with mask " + std::to_string(detail) +
                           " where lanes of its warp wait with mask " + std::to_string(w.detail));
  }
  if (++w.arrived < kWarp) return give_way();
  w.arrived = 0;
  ++w.rounds;
  w.ready = kAllLanes & ~(1u << place_ % kWarp);
}

std::string Scheduler::where(int place) const {
  return "fake device: block (" + std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) +
         ", " + std::to_string(blockIdx.z) + "), thread " + std::to_string(index_of(place));
}

std::string Scheduler::state_of(int place) const {
  if (warps_[place / kWarp].ended >> place % kWarp & 1) return "has ended";
  return std::string("waits at ") + kWaitNames[static_cast<int>(thread_[place].wait)];
}

// What to say where no thread can run and not all have ended.
std::logic_error Scheduler::stuck() const {
  const auto ended = [&](int p) { return (warps_[p / kWarp].ended >> p % kWarp & 1) != 0; };
  const auto find = [&](int begin, int end, auto wanted) {
    for (int p = begin; p < end; ++p)
      if (wanted(p)) return p;
    return -1;
  };
  // A collective that lacks lanes explains more than a barrier that lacks threads: the lanes that
  // it lacks may be those at the barrier.
  int waits =
      find(0, threads_, [&](int p) { return !ended(p) && thread_[p].wait != Wait::kThreads; });
  int begin = 0;
  int end = threads_;
  if (waits >= 0) {
    begin = waits / kWarp * kWarp;
    end = begin + kWarp;
  } else {
    waits = find(0, threads_, [&](int p) { return !ended(p); });
  }
  const int other =
      find(begin, end, [&](int p) { return ended(p) || thread_[p].wait != thread_[waits].wait; });
  std::string message = where(waits) + " " + state_of(waits);
  if (other >= 0)
    message += " while thread " + std::to_string(index_of(other)) + " " + state_of(other);
  return std::logic_error(message);
}

void Scheduler::run_block() {
  thread_.assign(threads_, Thread{});
  for (Warp& w : warps_) {
    w.ready = kAllLanes;
    w.ended = 0;
    w.arrived = 0;
  }
  at_barrier_ = 0;
  ended_ = 0;
  std::memset(block_shared_memory, 0xFF, shared_bytes_);

  warps_[0].ready &= ~1u;
  Fiber* first = free_fiber();
  first->place = 0;
  switch_to(*first);
  if (failure_ == nullptr) return check_guards();

  // The threads that wait leave their functions, so that their stacks serve the next block.
  abandoned_ = true;
  for (int p = 0; p < threads_; ++p) {
    if (thread_[p].fiber == nullptr) continue;
    set_place(p);
    switch_to(*thread_[p].fiber);
  }
  abandoned_ = false;
}

void Scheduler::check_guards() const {
  for (size_t i = 0; i < kGuardBytes; ++i) {
    const bool before = shared_[i] != kGuard;
    if (!before && shared_[kGuardBytes + shared_bytes_ + i] == kGuard) continue;
    const std::string offset =
        before ? "-" + std::to_string(kGuardBytes - i) : std::to_string(shared_bytes_ + i);
    std::string block = where(0);
    block.resize(block.rfind(','));
    throw std::logic_error(block + ": byte " + offset + " was written of " +
                           std::to_string(shared_bytes_) + " of dynamic shared memory");
  }
}

void Scheduler::run_grid(void (*body)(const void*), const void* context, dim3 grid, int threads,
                         size_t shared_bytes) {
  if (threads < kWarp || threads > kMostThreads || threads % kWarp != 0)
    throw std::logic_error("fake device: a block of " + std::to_string(threads) +
                           " threads; it must be a multiple of 32 up to 1024");
  if (shared_bytes > kMostSharedBytes)
    throw std::logic_error("fake device: " + std::to_string(shared_bytes) +
                           " bytes of shared memory; there are " +
                           std::to_string(kMostSharedBytes));
  if (grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535)
    throw std::logic_error("fake device: a grid of " + std::to_string(grid.x) + " x " +
                           std::to_string(grid.y) + " x " + std::to_string(grid.z) +
                           " blocks; the most are 2147483647 x 65535 x 65535");
  body_ = body;
  context_ = context;
  threads_ = threads;
  shared_bytes_ = shared_bytes;
  thread_.reserve(kMostThreads);
  warps_.resize(static_cast<size_t>(threads / kWarp));
  shared_.assign(kGuardBytes + shared_bytes + kGuardBytes, kGuard);
  failure_ = nullptr;
  running_ = &launcher_;
#if defined(RANKSCOPE_TSAN)
  launcher_.tsan = __tsan_get_current_fiber();
#endif

  struct Activation {
    explicit Activation(Scheduler* scheduler) { active = scheduler; }
    ~Activation() {
      active = nullptr;
      block_shared_memory = nullptr;
    }
  } activation(this);
  block_shared_memory = shared_.data() + kGuardBytes;
  gridDim = grid;
  blockDim = dim3(static_cast<unsigned>(threads));
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  for (uint64_t i = 0; i < blocks && failure_ == nullptr; ++i) {
    const uint64_t block = reverse_ ? blocks - 1 - i : i;
    blockIdx =
        dim3(static_cast<unsigned>(block % grid.x), static_cast<unsigned>(block / grid.x % grid.y),
             static_cast<unsigned>(block / grid.x / grid.y));
    run_block();
  }
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
}

template <typename Bits, typename T>
T exchange(Wait wait, int detail, T x, int source) {
  Scheduler& s = active_scheduler();
  Exchange& e = s.exchange();
  e.values[s.lane()] = std::bit_cast<Bits>(x);
  s.wait_for_warp(wait, detail);
  return std::bit_cast<T>(static_cast<Bits>(e.values[source]));
}

template <typename Bits, typename T>
T exchange_xor(Wait wait, T x, int mask) {
  if (mask < 0 || mask >= kWarp)
    throw std::logic_error("fake device: shuffle_xor with mask " + std::to_string(mask));
  return exchange<Bits>(wait, mask, x, active_scheduler().lane() ^ mask);
}

template <typename T>
T exchange_from(Wait wait, T x, int lane) {
  if (lane < 0 || lane >= kWarp)
    throw std::logic_error("fake device: shuffle from lane " + std::to_string(lane));
  return exchange<uint32_t>(wait, 0, x, lane);
}

// The lower and the upper half of a word of two bfloat16.
float lower(uint32_t word) { return std::bit_cast<float>(word << 16); }
float upper(uint32_t word) { return std::bit_cast<float>(word & 0xFFFF0000u); }

// The products of all lanes' fragments: see mma_bf16 in device.h.
void multiply(Exchange& e) {
  float a[16][16];
  float b[16][8];
  float c[16][8];
  for (int lane = 0; lane < kWarp; ++lane) {
    const Fragments& f = e.fragments[lane];
    const int g = lane / 4;
    const int t = lane % 4 * 2;
    for (int i = 0; i < 4; ++i) {
      float* to = &a[g + i % 2 * 8][t + i / 2 * 8];
      to[0] = lower(f.a[i]);
      to[1] = upper(f.a[i]);
    }
    for (int i = 0; i < 2; ++i) {
      b[t + i * 8][g] = lower(f.b[i]);
      b[t + i * 8 + 1][g] = upper(f.b[i]);
    }
  }
  for (int i = 0; i < 16; ++i) {
    float row[8] = {};
    for (int k = 0; k < 16; ++k)
      for (int j = 0; j < 8; ++j) row[j] += a[i][k] * b[k][j];
    std::memcpy(c[i], row, sizeof(row));
  }
  for (int lane = 0; lane < kWarp; ++lane)
    for (int i = 0; i < 4; ++i) e.products[lane][i] = c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
}

}  // namespace

void sync_threads() { active_scheduler().wait_for_threads(); }
void sync_warp() { active_scheduler().wait_for_warp(Wait::kWarp, 0); }

float shuffle_xor(float x, int mask) { return exchange_xor<uint32_t>(Wait::kXorFloat, x, mask); }
double shuffle_xor(double x, int mask) { return exchange_xor<uint64_t>(Wait::kXorDouble, x, mask); }
int shuffle_xor(int x, int mask) { return exchange_xor<uint32_t>(Wait::kXorInt, x, mask); }
float shuffle(float x, int lane) { return exchange_from(Wait::kShuffleFloat, x, lane); }
int shuffle(int x, int lane) { return exchange_from(Wait::kShuffleInt, x, lane); }

void mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2]) {
  Scheduler& s = active_scheduler();
  Exchange& e = s.exchange();
  const int lane = s.lane();
  std::memcpy(e.fragments[lane].a, a, sizeof(Fragments::a));
  std::memcpy(e.fragments[lane].b, b, sizeof(Fragments::b));
  // The last lane to come works for all.
  if (s.warp().arrived == kWarp - 1) multiply(e);
  s.wait_for_warp(Wait::kMma, 0);
  for (int i = 0; i < 4; ++i) c[i] += e.products[lane][i];
}

void run_in_reverse(bool reverse) { scheduler().set_reverse(reverse); }

void run_grid(void (*body)(const void*), const void* context, dim3 grid, int threads,
              size_t shared_bytes) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  if (active != nullptr) throw std::logic_error("fake device: a launch within a kernel");
  scheduler().run_grid(body, context, grid, threads, shared_bytes);
}

}  // namespace rankscope::fake_cuda
