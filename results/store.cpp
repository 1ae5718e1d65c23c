#include "results/store.h"

#include <cerrno>
#include <optional>
#include <utility>

#include "common/error.h"
#include "common/files.h"
#include "results/analysis_writer.h"
#include "results/latency_writer.h"
#include "results/published.h"
#include "results/record_writer.h"
#include "results/schema.h"
#include "results/sqlite_error.h"

namespace rankscope {

struct Store::State {
  State(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout);

  // Runs `action` in a transaction of its own.
  template <typename Action>
  void transact(Action&& action) {
    with_sqlite_errors(database, shown, [&] {
      // Asks for the right to write at once: where another program holds it, nothing is begun.
      SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
      action();
      transaction.commit();
    });
  }

  std::string shown;
  SQLite::Database database;
  std::optional<RecordWriter> writer;
  std::optional<AnalysisWriter> analyses;
  std::optional<LatencyWriter> latencies;
};

namespace {

SQLite::Database open_database(const std::filesystem::path& path, const std::string& shown,
                               std::chrono::milliseconds busy_timeout) {
  try {
    require_regular_file(path);
  } catch (const InputError& error) {
    throw DamagedDatabase(error.what());
  }
  try {
    return SQLite::Database(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE,
                            static_cast<int>(busy_timeout.count()));
  } catch (const SQLite::Exception& error) {
    throw_sqlite_error(error, errno, shown);
  }
}

}  // namespace

Store::State::State(const std::filesystem::path& path, std::chrono::milliseconds busy_timeout)
    : shown(shown_path(path)), database(open_database(path, shown, busy_timeout)) {
  with_sqlite_errors(database, shown, [&] {
    // Before anything is written: another program's file must stay as it is.
    int version = 0;
    if (file_kind(database, version) == FileKind::kForeign) migrate(database, shown);
    // Readers see the last whole transaction and never wait. NORMAL syncs at checkpoints: a power
    // failure may take the last transactions, which the trial folders hold, but breaks nothing.
    database.exec(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
        "PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -32768");
    migrate(database, shown);
    writer.emplace(database);
    analyses.emplace(database);
    latencies.emplace(database);
    write_published(database);
  });
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

Store Store::open(const std::filesystem::path& db, std::chrono::milliseconds busy_timeout) {
  return Store(std::make_unique<State>(db, busy_timeout));
}

void Store::put_sweep(const SweepRecord& sweep) {
  state_->transact([&] { state_->writer->put_sweep(sweep); });
}

void Store::put_dataset(const DatasetRecord& dataset) {
  state_->transact([&] { state_->writer->put_dataset(dataset); });
}

void Store::put_trial(const TrialRecord& trial) {
  state_->transact([&] { state_->writer->put_trial(trial); });
}

std::size_t Store::remove_trials_not_in(const std::set<std::string>& trials) {
  std::size_t removed = 0;
  state_->transact([&] {
    removed = state_->writer->remove_trials_not_in(trials);
    state_->analyses->remove_without_trial();
  });
  return removed;
}

void Store::put_adapter(const AdapterFindings& adapter) {
  state_->transact([&] { state_->analyses->put_adapter(adapter); });
}

void Store::put_similarity(const SimilarityRecord& similarity) {
  state_->transact([&] { state_->analyses->put_similarity(similarity); });
}

void Store::put_chance(const ChanceBandRecord& band) {
  state_->transact([&] { state_->analyses->put_chance(band); });
}

bool Store::has_chance(int64_t rows, int64_t cols, int64_t dimension) {
  return with_sqlite_errors(state_->database, state_->shown,
                            [&] { return state_->analyses->has_chance(rows, cols, dimension); });
}

std::vector<std::array<int64_t, 3>> Store::shapes_without_chance() {
  return with_sqlite_errors(state_->database, state_->shown,
                            [&] { return state_->analyses->shapes_without_chance(); });
}

std::string Store::analysis_stamp(const std::string& one, const std::string& other) {
  return with_sqlite_errors(state_->database, state_->shown,
                            [&] { return state_->analyses->stamp(one, other); });
}

void Store::remove_analyses_not_in(const std::set<std::pair<std::string, std::string>>& kept) {
  state_->transact([&] { state_->analyses->remove_not_in(kept); });
}

void Store::put_latencies(std::span<const LatencyRecord> records) {
  state_->transact([&] { state_->latencies->put(records); });
}

bool Store::has_dataset(const std::string& dataset) {
  return with_sqlite_errors(state_->database, state_->shown,
                            [&] { return state_->writer->has_dataset(dataset); });
}

bool Store::has_trial(const std::string& trial) {
  return with_sqlite_errors(state_->database, state_->shown,
                            [&] { return state_->writer->has_trial(trial); });
}

std::string Store::trial_stamp(const std::string& trial) {
  return with_sqlite_errors(state_->database, state_->shown,
                            [&] { return state_->writer->trial_stamp(trial); });
}

std::string Store::trial_state(const std::string& trial) {
  return with_sqlite_errors(state_->database, state_->shown,
                            [&] { return state_->writer->trial_state(trial); });
}

std::set<std::pair<std::string, std::string>> Store::contents() {
  std::set<std::pair<std::string, std::string>> found;
  with_sqlite_errors(state_->database, state_->shown, [&] {
    SQLite::Statement rows(state_->database, R"sql(
      SELECT 'results', trial FROM trial WHERE state IN ('done', 'diverged')
      UNION ALL SELECT 'examples', trial FROM trial WHERE dataset IN (SELECT dataset FROM dataset)
      UNION ALL SELECT 'analysis', one FROM analysis WHERE other = ''
      UNION ALL SELECT 'times', batch || ' x ' || length FROM latency_cell)sql");
    while (rows.executeStep())
      found.emplace(rows.getColumn(0).getString(), rows.getColumn(1).getString());
  });
  return found;
}

void Store::verify() {
  with_sqlite_errors(state_->database, state_->shown, [&] {
    const std::string found = state_->database.execAndGet("PRAGMA quick_check(1)").getString();
    if (found != "ok") throw SQLite::Exception(found, SQLITE_CORRUPT);
  });
}

}  // namespace rankscope
