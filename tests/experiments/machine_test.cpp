// What the machine lets a process take.
#include <catch2/catch.hpp>

#include "common/files.h"
#include "experiments/machine.h"
#include "tests/experiments/program.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// Files below a folder that stands for the root.
class Root {
 public:
  explicit Root(const std::string& groups) { put("proc/self/cgroup", groups); }
  void put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, text);
  }
  std::optional<std::int64_t> memory() const { return control_group_memory(folder_.path()); }

 private:
  TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("the lowest memory limit of the control groups above a process counts") {
  const Root job("0::/system.slice/job.scope/task\n");
  CHECK_FALSE(job.memory());
  job.put("sys/fs/cgroup/system.slice/job.scope/task/memory.max", "max\n");
  CHECK_FALSE(job.memory());
  job.put("sys/fs/cgroup/system.slice/job.scope/memory.max", "4294967296\n");
  job.put("sys/fs/cgroup/system.slice/memory.max", "8589934592\n");
  job.put("sys/fs/cgroup/other/memory.max", "1\n");
  CHECK(job.memory() == std::int64_t{1} << 32);
  // A container sees its own group as the root of all, whatever its path is called.
  const Root container("0::/docker/of/the/host\n");
  container.put("sys/fs/cgroup/memory.max", "1073741824\n");
  CHECK(container.memory() == std::int64_t{1} << 30);
  const Root older("5:cpu,cpuacct:/job\n4:blkio,memory:/slurm/job\n1:name=systemd:/\n");
  older.put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  older.put("sys/fs/cgroup/memory/slurm/job/memory.limit_in_bytes", "2147483648\n");
  CHECK(older.memory() == std::int64_t{1} << 31);
  const Root none("");
  CHECK_FALSE(none.memory());
}

TEST_CASE("what a process may use is no more than there is") {
  const std::int64_t usable = usable_memory_mib();
  CHECK(usable > 0);
  CHECK(usable <= total_memory_mib());
  if (const auto limit = control_group_memory()) CHECK(usable <= *limit >> 20);
}

TEST_CASE("a thread that the machine does not start ends a command with what to do") {
  if (kReservesAddresses) RANKSCOPE_SKIP("a sanitizer needs more addresses than the limit leaves");
  ProgramOptions options;
  options.address_limit = std::uint64_t{1} << 30;  // of a stack's 2 MiB at least
  const ProgramResult result = run_program({"doctor", "--threads", "1000"}, options);
  CHECK(result.exit_code == 3);
  CHECK(result.out.empty());
  CHECK(result.err_lines().size() == 1);
  CHECK_THAT(result.err, Catch::StartsWith("rankscope: cannot start thread ") &&
                             Catch::Contains(" of 1000: ") &&
                             Catch::Contains("; give fewer --threads"));
}
