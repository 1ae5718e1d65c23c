#include "common/folders.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/files.h"
#include "tests/temporary_folder.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

TEST_CASE("what is put aside takes the place of what was, files and folders alike") {
  const tests::TemporaryFolder folder;
  write_file_atomically(folder / "state", "first");
  CHECK(put_aside(folder / "state") == "state.damaged");
  CHECK(read_text_file(folder / "state.damaged") == "first");
  CHECK(!fs::exists(folder / "state"));
  fs::create_directory(folder / "state");
  write_file_atomically(folder / "state" / "inside", "second");
  put_aside(folder / "state");
  CHECK(read_text_file(folder / "state.damaged" / "inside") == "second");
  write_file_atomically(folder / "state", "third");
  put_aside(folder / "state");
  CHECK(read_text_file(folder / "state.damaged") == "third");
  CHECK_THROWS_AS(put_aside(folder / "state"), MachineError);
}

}  // namespace
}  // namespace rankscope
