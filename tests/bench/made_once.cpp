#include "tests/bench/made_once.h"

#include "common/files.h"

namespace rankscope::bench {

void make_once(const std::filesystem::path& path, const std::string& content,
               const std::function<void()>& make) {
  const std::filesystem::path stamp = path.string() + ".made_from";
  if (is_there(path) && is_there(stamp) && read_regular_file(stamp) == content) return;
  std::filesystem::remove(stamp);
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path.parent_path());
  make();
  write_file_atomically(stamp, content);
}

}  // namespace rankscope::bench
