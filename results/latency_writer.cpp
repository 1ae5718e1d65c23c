#include "results/latency_writer.h"

#include <fmt/format.h>

#include "common/json.h"
#include "common/text.h"
#include "results/statements.h"

namespace rankscope {

LatencyWriter::LatencyWriter(SQLite::Database& database)
    : cell_(database, "INSERT INTO latency_cell VALUES (?, ?, ?, ?, ?)"),
      variant_(database, "INSERT INTO latency_variant VALUES (?, ?, ?, ?, ?, ?, ?)"),
      time_(database, "INSERT INTO latency VALUES (?, ?, ?, ?, ?, ?, ?)") {
  for (const char* table : {"latency_cell", "latency_variant", "latency"})
    delete_.emplace_back(database, fmt::format("DELETE FROM {}", table));
}

void LatencyWriter::put(std::span<const LatencyRecord> records) {
  for (SQLite::Statement& statement : delete_) execute(statement);
  for (const LatencyRecord& record : records) put_one(record);
}

void LatencyWriter::put_one(const LatencyRecord& r) {
  const std::string where = fmt::format("the latency at batch {} and length {}", r.batch, r.length);
  insert_once(
      cell_, [&] { return where + " stands here"; }, r.sweep, r.batch, r.length, r.base_parameters,
      json_text(Json(r.environment)));
  for (const VariantLatencies& v : r.variants) {
    const auto twice = [&] {
      return fmt::format("{} has '{}' with bottleneck {}", where, printable(v.variant),
                         v.bottleneck);
    };
    insert_once(variant_, twice, r.sweep, r.batch, r.length, v.variant, v.bottleneck,
                json_text(Json(v.settings)), v.trainable_parameters);
    std::int64_t round = 0;
    for (const double time : v.milliseconds)
      execute(time_, r.sweep, r.batch, r.length, v.variant, v.bottleneck, ++round, time);
  }
}

}  // namespace rankscope
