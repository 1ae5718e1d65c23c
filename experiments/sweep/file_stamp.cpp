#include "experiments/sweep/file_stamp.h"

#include <fmt/format.h>
#include <sys/stat.h>

namespace rankscope {

std::string file_stamp(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return "-";
  return fmt::format("{}.{}.{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

}  // namespace rankscope
