// Hashes of files that are kept from run to run.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <fstream>

#include "common/hash.h"
#include "experiments/file_hashes.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

struct stat stat_of(const std::filesystem::path& file) {
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status;
}

// As `cp -p` does: the file stays, and its time of modification with it. Again until the clock of
// the file system, which stands still for some milliseconds, has moved on.
void overwrite_unseen(const std::filesystem::path& file, const std::string& text) {
  const struct stat before = stat_of(file);
  const timespec times[] = {before.st_atim, before.st_mtim};
  for (struct stat now = before;
       now.st_ctim.tv_sec == before.st_ctim.tv_sec && now.st_ctim.tv_nsec == before.st_ctim.tv_nsec;
       now = stat_of(file)) {
    std::ofstream(file) << text;
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
  }
}

}  // namespace

TEST_CASE("a kept hash is of the bytes that the file holds, whatever its time of modification") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "model.safetensors", kept = folder / "hashes.json";
  std::ofstream(file) << "weights of one";
  FileHashes first;
  CHECK(first.file(file) == sha256_hex("weights of one"));
  first.save(kept);
  overwrite_unseen(file, "weights of two");
  CHECK(FileHashes(kept).file(file) == sha256_hex("weights of two"));
  CHECK(first.file(file) == sha256_hex("weights of two"));
}
