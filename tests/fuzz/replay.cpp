// Replays a fuzz target's corpus without libFuzzer: replay_NAME FOLDER.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "common/files.h"
#include "tests/fuzz/fuzz_one.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  int count = 0;
  std::filesystem::path current;
  try {
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
      current = entry.path();
      const std::string bytes = rankscope::read_text_file(current);
      fuzz_one(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
      ++count;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", current.c_str(), error.what());
    return 1;
  }
  std::printf("%d inputs\n", count);
  // An empty folder would be a check that cannot fail.
  return count > 0 ? 0 : 1;
}
