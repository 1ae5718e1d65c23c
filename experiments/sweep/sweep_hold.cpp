#include "experiments/sweep/sweep_hold.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/text.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;

std::string host_name() {
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  return host;
}

}  // namespace

// Who coordinator.json says it is.
struct SweepHold::Holder {
  pid_t process;
  std::string host;

  bool is_of_this_host() const { return host == host_name(); }
  bool is_gone() const { return is_of_this_host() && ::kill(process, 0) != 0 && errno == ESRCH; }
  std::string text() const { return fmt::format(" by process {} on {}", process, printable(host)); }
};

SweepHold::SweepHold(const fs::path& folder, bool of_one_host)
    : file_(folder / "coordinator.json") {
  const std::string name = "the sweep in '" + printable_path(folder) + "'";
  while (!lock_) try {
      lock_.emplace(folder);
    } catch (const FolderBusy&) {
      const std::optional<Holder> holder = recorded();
      if (!holder || !holder->is_gone())
        throw InputError(name + " is being run" + (holder ? holder->text() : "") +
                         "; wait for it or give another --dir");
      // A worker that was just being started when it died holds its lock a moment longer.
      throw_if_stop_requested();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  const std::optional<Holder> former = recorded();
  if (former && !former->is_of_this_host() && !of_one_host)
    throw InputError(name + " may still be run" + former->text() +
                     ", whose lock need not reach this host; wait for it, or where that process is "
                     "gone remove '" +
                     printable_path(file_) + "'");
  const OrderedJson json = {{"process", getpid()}, {"host", host_name()}};
  write_file_atomically(file_, json_text(json) + "\n");
}

SweepHold::~SweepHold() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

// Nothing where there is none, or it is damaged.
std::optional<SweepHold::Holder> SweepHold::recorded() const {
  try {
    const Json json = read_json_file(file_);
    JsonObject object(json, file_.string());
    return Holder{static_cast<pid_t>(object.get_int("process", 1)), object.get_string("host")};
  } catch (const Error&) {
    return {};
  }
}

}  // namespace rankscope
