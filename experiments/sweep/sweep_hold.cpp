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

SweepHold::SweepHold(const SweepFolder& folder) : file_(folder.path() / "coordinator.json") {
  while (!lock_) try {
      lock_.emplace(folder.path());
    } catch (const FolderBusy&) {
      if (!holder_is_gone())
        throw InputError("the sweep in '" + printable_path(folder.path()) + "' is being run" +
                         who() + "; wait for it or give another --dir");
      // A worker that was just being started when it died holds its lock a moment longer.
      throw_if_stop_requested();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  const OrderedJson json = {{"process", getpid()}, {"host", host_name()}};
  write_file_atomically(file_, json_text(json) + "\n");
}

SweepHold::~SweepHold() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

bool SweepHold::holder_is_gone() const {
  try {
    const Json json = read_json_file(file_);
    JsonObject object(json, file_.string());
    const auto process = static_cast<pid_t>(object.get_int("process", 1));
    return object.get_string("host") == host_name() && ::kill(process, 0) != 0 && errno == ESRCH;
  } catch (const Error&) {
    return false;
  }
}

std::string SweepHold::who() const {
  try {
    const Json json = read_json_file(file_);
    JsonObject object(json, file_.string());
    return fmt::format(" by process {} on {}", object.get_int("process"),
                       printable(object.get_string("host")));
  } catch (const Error&) {
    return "";
  }
}

}  // namespace rankscope
