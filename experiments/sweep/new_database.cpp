#include "experiments/sweep/new_database.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/log.h"
#include "common/text.h"
#include "experiments/latency/latency_cells.h"
#include "results/store.h"

namespace rankscope {

namespace {

namespace fs = std::filesystem;
using Contents = std::set<std::pair<std::string, std::string>>;  // as Store::contents

fs::path with_ending(fs::path file, const char* ending) {
  file += ending;
  return file;
}

void remove_file(const fs::path& file) {
  std::error_code error;
  fs::remove(file, error);
  if (error)
    throw InputError("cannot remove '" + printable_path(file) +
                     "': " + system_error_text(error.value()));
}

Contents contents_of_old(const fs::path& file) {
  if (!is_there(file)) return {};
  try {
    Store store = Store::open(file);
    store.verify();
    return store.contents();
  } catch (const DamagedDatabase& damage) {
    log::warning("{}; put aside as {}", damage.what(), put_aside(file));
    return {};
  }
}

// What `made` lacks of the sweep, by its kind.
std::map<std::string, std::vector<std::string>> lacking(const Contents& old, const Contents& made,
                                                        const Manifest& manifest,
                                                        const std::vector<std::string>& altered,
                                                        const std::set<std::string>& refused) {
  std::set<std::string> ids;
  for (const Trial& trial : manifest.trials)
    if (!refused.contains(trial.id())) ids.insert(trial.id());
  std::set<std::string> cells;
  for (const LatencyCell& cell : latency_cells(manifest))
    cells.insert(fmt::format("{} x {}", cell.batch, cell.length));
  std::map<std::string, std::vector<std::string>> found;
  for (const auto& [kind, of] : old) {
    bool wanted = ids.contains(of);
    if (kind == "times") wanted = cells.contains(of);
    if (kind == "analysis")
      wanted &= manifest.analysis && std::ranges::find(altered, of) == altered.end();
    if (wanted && !made.contains({kind, of})) found[kind].push_back(of);
  }
  return found;
}

std::string shown(const std::string& kind, const std::vector<std::string>& of) {
  const std::string first = kind == "times" ? "cell " + of.front() : "trial " + of.front();
  return of.size() == 1 ? fmt::format("the {} of {}", kind, first)
                        : fmt::format("the {} of {} and {} more", kind, first, of.size() - 1);
}

}  // namespace

NewDatabase::NewDatabase(const SweepFolder& folder)
    : old_(folder.database()), file_(with_ending(folder.database(), ".new")) {
  for (const char* ending : {"", "-wal", "-shm"}) remove_file(with_ending(file_, ending));
}

NewDatabase::~NewDatabase() {
  std::error_code ignored;
  for (const char* ending : {"", "-wal", "-shm"}) fs::remove(with_ending(file_, ending), ignored);
}

std::string NewDatabase::replace_old(const Manifest& manifest,
                                     const std::vector<std::string>& altered,
                                     const std::set<std::string>& refused) {
  const Contents made = Store::open(file_).contents();
  std::vector<std::string> lost;
  for (const auto& [kind, of] : lacking(contents_of_old(old_), made, manifest, altered, refused))
    lost.push_back(shown(kind, of));
  if (!lost.empty())
    return fmt::format(
        "'{}' is kept as it was: made anew it would lack {}; put back what is missing, or remove "
        "that file and collect once more to go without",
        printable_path(old_), fmt::join(lost, ", "));
  // SQLite removes it when the last rows are in the file itself.
  if (is_there(with_ending(file_, "-wal")))
    throw MachineError("cannot write '" + printable_path(file_) +
                       "' to its end; is the disk full?");
  // Before the file has the name: the old one's log would be taken for the new one's.
  for (const char* ending : {"-wal", "-shm"}) remove_file(with_ending(old_, ending));
  std::error_code error;
  fs::rename(file_, old_, error);
  if (error)
    throw MachineError("cannot rename '" + printable_path(file_) + "' to '" + printable_path(old_) +
                       "': " + system_error_text(error.value()));
  return {};
}

}  // namespace rankscope
