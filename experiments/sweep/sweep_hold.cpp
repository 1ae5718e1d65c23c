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

std::string sweep_name(const fs::path& folder) {
  return "the sweep in '" + printable_path(folder) + "'";
}

fs::path coordinator_file(const fs::path& folder) { return folder / "coordinator.json"; }

// Who coordinator.json says it is.
struct Holder {
  pid_t process;
  std::string host;

  bool is_of_this_host() const { return host == host_name(); }
  bool is_gone() const { return is_of_this_host() && ::kill(process, 0) != 0 && errno == ESRCH; }
  std::string text() const { return fmt::format(" by process {} on {}", process, printable(host)); }
};

// Nothing where there is none, or it is damaged.
std::optional<Holder> recorded_holder(const fs::path& folder) {
  const fs::path file = coordinator_file(folder);
  try {
    const Json json = read_json_file(file);
    JsonObject object(json, file.string());
    return Holder{static_cast<pid_t>(object.get_int("process", 1)), object.get_string("host")};
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

void refuse_other_host(const fs::path& folder, bool of_one_host) {
  const std::optional<Holder> holder = recorded_holder(folder);
  if (holder && !holder->is_of_this_host() && !of_one_host)
    throw InputError(sweep_name(folder) + " may still be run" + holder->text() +
                     ", whose lock need not reach this host; wait for it, or where that process is "
                     "gone remove '" +
                     printable_path(coordinator_file(folder)) + "'");
}

SweepHold::SweepHold(const fs::path& folder, bool of_one_host) : file_(coordinator_file(folder)) {
  while (!lock_) try {
      lock_.emplace(folder);
    } catch (const FolderBusy&) {
      const std::optional<Holder> holder = recorded_holder(folder);
      if (!holder || !holder->is_gone())
        throw InputError(sweep_name(folder) + " is being run" + (holder ? holder->text() : "") +
                         "; wait for it or give another --dir");
      // A worker that was just being started when it died holds its lock a moment longer.
      throw_if_stop_requested();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  refuse_other_host(folder, of_one_host);
  const OrderedJson json = {{"process", getpid()}, {"host", host_name()}};
  try {
    write_file_atomically(file_, json_text(json) + "\n");
  } catch (const PermissionDenied& error) {
    throw InputError(std::string(error.what()) + "; see who may write in '" +
                     printable_path(folder) + "', or give another --dir");
  }
}

SweepHold::~SweepHold() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

}  // namespace rankscope
