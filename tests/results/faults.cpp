#include "tests/results/faults.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/error.h"
#include "results/query.h"
#include "results/store.h"
#include "tests/error_text.h"

namespace rankscope::tests {

namespace fs = std::filesystem;

std::string open_error(const fs::path& db) {
  return error_text<InputError>([&] { Store::open(db, kNoWait); });
}

std::string read_error(const fs::path& folder) {
  return error_text<InputError>([&] {
    ResultsReader reader({folder}, kNoWait);
    for (const char* view : {"trials", "scores", "predictions_scored"}) reader.rows(view);
  });
}

std::string in_child(const std::function<void()>& prepare, const std::function<void()>& action) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string text;
    prepare();
    try {
      action();
    } catch (const InputError& error) {
      text = std::string("input: ") + error.what();
    } catch (const MachineError& error) {
      text = std::string("machine: ") + error.what();
    } catch (const std::exception& error) {
      text = std::string("other: ") + error.what();
    }
    const bool written = ::write(ends[1], text.data(), text.size()) >= 0;
    ::_exit(written ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(count));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return text;
}

void become_nobody() {
  constexpr uid_t kNobody = 65534;
  if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(2);
}

}  // namespace rankscope::tests
