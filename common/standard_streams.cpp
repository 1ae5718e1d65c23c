#include "common/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "common/file_descriptor.h"

namespace rankscope {

void open_closed_streams() {
  static_assert(STDIN_FILENO == 0 && STDOUT_FILENO == 1 && STDERR_FILENO == 2);
  // Output that goes nowhere must not count as written.
  constexpr int kFlags[] = {O_RDONLY, O_RDONLY, O_WRONLY};
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    // Those below are open: it gets this number. Children are to have it too.
    if (::open("/dev/null", kFlags[number]) < 0)
      throw_file_error("cannot open", "/dev/null", errno);
  }
}

}  // namespace rankscope
