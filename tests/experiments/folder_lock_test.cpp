// Who may work in a folder.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/files.h"
#include "common/json.h"
#include "experiments/sweep/sweep_hold.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

void put_coordinator(const fs::path& folder, const std::string& host) {
  const OrderedJson json = {{"process", 7}, {"host", host}};
  write_file_atomically(folder / "coordinator.json", json.dump());
}

}  // namespace

TEST_CASE("a folder is held by a lock on a file, which stays and says nothing") {
  const TemporaryFolder folder;
  const fs::path file = folder / ".lock";
  CHECK_FALSE(is_held(folder.path()));
  CHECK_FALSE(is_held(folder / "missing"));
  CHECK_FALSE(fs::exists(file));
  {
    const FolderLock lock(folder.path());
    CHECK(is_held(folder.path()));
    CHECK_THROWS_AS(FolderLock(folder.path()), FolderBusy);
    // What another host's request comes to on NFS.
    const int other = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(other >= 0);
    CHECK(::flock(other, LOCK_EX | LOCK_NB) != 0);
    ::close(other);
  }
  CHECK_FALSE(is_held(folder.path()));
  CHECK(fs::file_size(file) == 0);
  const FolderLock again(folder.path());
  CHECK_THAT(error_text<InputError>([&] { FolderLock lost(folder / "missing"); }),
             Catch::StartsWith("cannot write in the folder '") &&
                 Catch::EndsWith("see who may write there, or give another"));
}

TEST_CASE("a sweep that another host may be running is refused until its record is removed") {
  const TemporaryFolder temporary;
  const fs::path folder = temporary.path(), file = folder / "coordinator.json";
  put_coordinator(folder, "elsewhere");
  const std::string refusal = error_text<InputError>([&] { SweepHold(folder, false); });
  CHECK_THAT(refusal, Catch::Contains("by process 7 on elsewhere") &&
                          Catch::EndsWith("remove '" + file.string() + "'"));
  CHECK(fs::exists(file));
  // `collect` asks, and holds nothing but the lock.
  CHECK(error_text<InputError>([&] { refuse_other_host(folder, false); }) == refusal);
  CHECK_NOTHROW(refuse_other_host(folder, true));
  {
    const SweepHold hold(folder, true);  // no other host has this disk
    CHECK(read_json_file(file).at("host") != "elsewhere");
  }
  CHECK_FALSE(fs::exists(file));
  { const SweepHold hold(folder, false); }
  // A process of this host that is gone, killed.
  char host[256] = "";
  REQUIRE(::gethostname(host, sizeof host - 1) == 0);
  put_coordinator(folder, host);
  { const SweepHold hold(folder, false); }
  write_file_atomically(file, "[");
  const SweepHold hold(folder, false);
}
