#include "results/analysis_writer.h"

#include <fmt/format.h>

#include <bit>

#include "common/text.h"
#include "results/statements.h"

namespace rankscope {

namespace {

static_assert(std::endian::native == std::endian::little, "phi is stored as little-endian floats");

struct Blob {
  const std::vector<float>& values;
};

void bind(SQLite::Statement& statement, int parameter, const Blob& blob) {
  statement.bindNoCopy(parameter, blob.values.data(),
                       static_cast<int>(blob.values.size() * sizeof(float)));
}

// Found by execute's call of bind, as the other overloads are.
using rankscope::bind;

template <typename... Values>
void insert(SQLite::Statement& statement, const std::string& what, const Values&... values) {
  int parameter = 0;
  (bind(statement, ++parameter, values), ...);
  try {
    statement.exec();
  } catch (const SQLite::Exception& error) {
    statement.tryReset();
    if (error.getErrorCode() != SQLITE_CONSTRAINT) throw;
    throw InputError(what + " stands in one analysis twice");
  } catch (...) {
    statement.tryReset();
    throw;
  }
  statement.reset();
}

void require_size(const std::vector<float>& values, int64_t rows, int64_t cols) {
  if (rows < 1 || cols < 1 || static_cast<int64_t>(values.size()) != rows * cols)
    throw InputError(
        fmt::format("{} numbers are no matrix of {} by {}", values.size(), rows, cols));
}

}  // namespace

AnalysisWriter::AnalysisWriter(SQLite::Database& database)
    : database_(database),
      analysis_(database, "INSERT INTO analysis VALUES (?, ?, ?, ?)"),
      value_(database, "INSERT INTO analysis_value VALUES (?, ?, ?, ?, ?, ?)"),
      spectrum_(database, "INSERT INTO spectrum_value VALUES (?, ?, ?, ?, ?)"),
      similarity_(database,
                  "INSERT INTO similarity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      chance_(database, "INSERT OR REPLACE INTO chance VALUES (?, ?, ?, ?, ?)"),
      find_chance_(database, "SELECT 1 FROM chance WHERE rows = ? AND cols = ? AND dimension = ?"),
      find_(database, "SELECT stamp FROM analysis WHERE one = ? AND other = ?"),
      all_(database, "SELECT one, other FROM analysis"),
      delete_analysis_(database, "DELETE FROM analysis WHERE one = ? AND other = ?"),
      delete_similarity_(database, "DELETE FROM similarity WHERE one = ? AND other = ?") {
  for (const char* table : {"analysis_value", "spectrum_value"})
    delete_adapter_.emplace_back(database, fmt::format("DELETE FROM {} WHERE trial = ?", table));
}

void AnalysisWriter::put_adapter(const AdapterFindings& adapter) {
  const std::string none;
  remove(adapter.trial, none);
  execute(analysis_, adapter.trial, none, none, adapter.stamp);
  for (const SiteValue& v : adapter.values)
    insert(value_, fmt::format("{} of {} in layer {}", v.quantity, printable(v.site), v.layer),
           adapter.trial, static_cast<int64_t>(v.layer), v.site, v.quantity, v.value, v.reason);
  for (const SiteSpectrum& spectrum : adapter.spectra) {
    int64_t position = 0;
    for (const double value : spectrum.values)
      insert(
          spectrum_,
          fmt::format("the spectrum of {} in layer {}", printable(spectrum.site), spectrum.layer),
          adapter.trial, static_cast<int64_t>(spectrum.layer), spectrum.site, ++position, value);
  }
}

void AnalysisWriter::put_similarity(const SimilarityRecord& s) {
  if (s.other.empty()) throw InputError("a similarity needs two sides");
  remove(s.one, s.other);
  execute(analysis_, s.one, s.other, s.relation, s.stamp);
  for (const SiteSimilarity& site : s.sites) {
    require_size(site.phi, site.rows, site.cols);
    insert(similarity_,
           fmt::format("{} of {} in layer {}", site.directions, printable(site.site), site.layer),
           s.one, s.other, static_cast<int64_t>(site.layer), site.site, site.directions, site.rows,
           site.cols, site.dimension, Blob{site.phi}, site.reason, site.projection_metric,
           site.smallest_angle, site.largest_angle, site.mean_excess);
  }
}

void AnalysisWriter::put_chance(const ChanceBandRecord& band) {
  require_size(band.low, band.rows, band.cols);
  require_size(band.high, band.rows, band.cols);
  insert(chance_, "a chance band", band.rows, band.cols, band.dimension, Blob{band.low},
         Blob{band.high});
}

bool AnalysisWriter::has_chance(int64_t rows, int64_t cols, int64_t dimension) {
  return has_row(find_chance_, rows, cols, dimension);
}

std::vector<std::array<int64_t, 3>> AnalysisWriter::shapes_without_chance() {
  SQLite::Statement shapes(database_,
                           "SELECT rows, cols, dimension FROM similarity EXCEPT "
                           "SELECT rows, cols, dimension FROM chance");
  std::vector<std::array<int64_t, 3>> all;
  while (shapes.executeStep())
    all.push_back({shapes.getColumn(0).getInt64(), shapes.getColumn(1).getInt64(),
                   shapes.getColumn(2).getInt64()});
  return all;
}

std::string AnalysisWriter::stamp(const std::string& one, const std::string& other) {
  std::string stamp;
  bind(find_, 1, one);
  bind(find_, 2, other);
  if (find_.executeStep()) stamp = find_.getColumn(0).getString();
  find_.reset();
  return stamp;
}

void AnalysisWriter::remove(const std::string& one, const std::string& other) {
  execute(delete_analysis_, one, other);
  if (!other.empty()) return execute(delete_similarity_, one, other);
  for (SQLite::Statement& statement : delete_adapter_) execute(statement, one);
}

void AnalysisWriter::remove_not_in(const std::set<std::pair<std::string, std::string>>& kept) {
  std::vector<std::pair<std::string, std::string>> gone;
  while (all_.executeStep()) {
    std::pair stored(all_.getColumn(0).getString(), all_.getColumn(1).getString());
    if (!kept.contains(stored)) gone.push_back(std::move(stored));
  }
  all_.reset();
  for (const auto& [one, other] : gone) remove(one, other);
  // A band is of the shapes that are stored beside it.
  database_.exec(
      "DELETE FROM chance WHERE NOT EXISTS (SELECT 1 FROM similarity s WHERE s.rows = chance.rows "
      "AND s.cols = chance.cols AND s.dimension = chance.dimension)");
}

void AnalysisWriter::remove_without_trial() {
  std::set<std::pair<std::string, std::string>> kept;
  SQLite::Statement stored(
      database_,
      "SELECT one, other FROM analysis WHERE one IN (SELECT trial FROM trial) AND "
      "(other IN ('', 'base', 'initial') OR other IN (SELECT trial FROM trial))");
  while (stored.executeStep())
    kept.emplace(stored.getColumn(0).getString(), stored.getColumn(1).getString());
  stored.reset();
  remove_not_in(kept);
}

}  // namespace rankscope
