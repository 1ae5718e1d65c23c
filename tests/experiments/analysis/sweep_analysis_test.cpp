// What a sweep's analysis sets against what: starts, W's own directions, and trials trained again.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "common/files.h"
#include "engine/checkpoint/adapter_factors.h"
#include "experiments/analysis/site_vectors.h"
#include "metrics/singular.h"
#include "results/phi_blob.h"
#include "results/query.h"
#include "tests/datasets/test_files.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

// LoRA that hardly moves from a start of a seed of its own, PiSSA that moves far from W's
// directions, and LoRA as others train it.
class StartsSweep {
 public:
  StartsSweep() {
    put(sweep_.path() / "starts.yaml", "name: starts\nbase: " + sweep_.model().path() + R"(
seeds: [1]
tasks:
  write:
    task: own
    train: {data: data/write_train.jsonl, limit: 12}
    score: {data: data/write_dev.jsonl, limit: 2, max_new: 2}
training: {batch: 4, steps: 4, lr: 1e-3}
analysis: {pairs: [base, initial], directions: [a, dw_left]}
groups:
  - {name: given, method: lora, rank: 2, lr: 1e-6, init_seed: 9, seeds: [1, 2]}
  - {name: moved, method: lora, rank: 2, lr: 3e-2, init: pissa}
  - {name: plain, method: lora, rank: 2}
)");
    const ProgramResult result =
        run_program({"run", (sweep_.path() / "starts.yaml").string(), "--dir", out().string(),
                     "--workers", "1", "--threads", "1"});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
  }

  fs::path out() const { return sweep_.out("starts"); }
  fs::path base() { return sweep_.model().path(); }
  std::vector<Row> rows(const std::string& question) const {
    return ResultsReader({out()}).rows(question);
  }

 private:
  SmallSweep sweep_;
};

// A matrix of a safetensors file in fp32.
RealMatrix matrix_in(const fs::path& file, const std::string& name) {
  const SafetensorsFile tensors(file);
  const TensorEntry& entry = tensors.at(name);
  REQUIRE(entry.dtype == DType::kF32);
  std::vector<float> values(static_cast<std::size_t>(entry.elements()));
  std::memcpy(values.data(), tensors.bytes(entry).data(), values.size() * sizeof(float));
  return matrix_of(values, entry.shape.at(0), entry.shape.at(1));
}

}  // namespace

TEST_CASE("the start that an adapter is set against is that of its initialisation's seed") {
  const StartsSweep sweep;
  std::map<std::string, std::vector<double>> shared;  // with the start, by group
  for (const Row& row : sweep.rows(
           "SELECT t.grp, s.mean_excess FROM similarities s JOIN trials t ON t.trial = s.one "
           "WHERE s.relation = 'initial' AND s.directions = 'a'"))
    shared[std::get<std::string>(row[0])].push_back(std::get<double>(row[1]));
  // Two sites of two layers, of two trials.
  REQUIRE(shared["given"].size() == 2 * 4);
  for (const double excess : shared["given"]) CHECK(excess > 0.9999);
  // Below PiSSA's trained A its folder has the one that it began with, which is another by now.
  REQUIRE(shared["moved"].size() == 4);
  for (const double excess : shared["moved"]) CHECK(excess < 0.99);
  // Even draws are each seed's own, though both seeds have one start.
  const std::vector<Row> drawn = sweep.rows(
      "SELECT count(*), count(DISTINCT v.value) FROM adapter_values v JOIN trials t USING (trial) "
      "WHERE v.quantity = 'projected_drawn' AND t.grp = 'given' GROUP BY v.layer, v.site");
  REQUIRE(drawn.size() == 4);
  for (const Row& row : drawn) {
    CHECK(std::get<std::int64_t>(row[0]) == 2);
    CHECK(std::get<std::int64_t>(row[1]) == 2);
  }
}

TEST_CASE("an update's left directions are set against W's left ones") {
  StartsSweep sweep;
  const std::string trial =
      std::get<std::string>(sweep.rows("SELECT trial FROM trials WHERE grp = 'plain'")[0][0]);
  const AdapterReader reader(sweep.out() / "trials" / trial.substr(0, 12) / "adapter");
  // Wv is of 24 rows and 48 columns.
  for (const auto& [site, name, d_out] :
       {std::tuple("Wq", "q_proj", 48), std::tuple("Wv", "v_proj", 24)}) {
    INFO(site);
    const std::string wanted = site;
    const SiteFactors factors =
        reader.read([&](int layer, const std::string& s) { return layer == 0 && s == wanted; })
            .at(0);
    const RealMatrix update = matrix_of(factors.b, factors.out, factors.rank) *
                              matrix_of(factors.a, factors.rank, factors.in);
    const RealMatrix u = singular_of(update).left;
    const RealMatrix v =
        singular_of(matrix_in(sweep.base() / "model.safetensors",
                              std::string("model.layers.0.self_attn.") + name + ".weight"))
            .left;
    const std::vector<Row> rows = sweep.rows(
        "SELECT rows, cols, dimension, phi FROM similarity WHERE other = 'base' AND directions = "
        "'dw_left' AND layer = 0 AND one = '" +
        trial + "' AND site = '" + wanted + "'");
    REQUIRE(rows.size() == 1);
    const auto count = std::get<std::int64_t>(rows[0][0]);
    const auto cols = std::get<std::int64_t>(rows[0][1]);
    CHECK(count == 2);
    CHECK(std::get<std::int64_t>(rows[0][2]) == d_out);
    const std::vector<float> phi = floats_of_blob(std::get<std::string>(rows[0][3]), count * cols);
    for (std::int64_t i = 1; i <= count; ++i)
      for (std::int64_t j = 1; j <= cols; ++j) {
        const double expected = (u.leftCols(i).transpose() * v.leftCols(j)).squaredNorm() /
                                static_cast<double>(std::min(i, j));
        CHECK(double{phi.at(static_cast<std::size_t>((i - 1) * cols + j - 1))} ==
              Approx(expected).margin(1e-4));
      }
  }
}

TEST_CASE("a pair is computed again where the adapter that stands second was trained again") {
  const SmallSweep& sweep = shared_sweep();
  copy_undisturbed("second again");
  const fs::path out = sweep.out("second again");
  const auto similarities = [&] {
    const ProgramResult result =
        run_program({"query", out.string(), "SELECT * FROM similarity ORDER BY 1, 2, 3, 4, 5",
                     "--format", "json"});
    REQUIRE(result.exit_code == 0);
    return result.out;
  };
  // Trained on shuffled targets of the same file, and so another adapter of the same form.
  const std::vector<Row> found = ResultsReader({out}).rows(
      "SELECT a.other, s.trial FROM analysis a JOIN trials o ON o.trial = a.other JOIN trials s ON "
      "s.grp = 'shuffled' AND s.seed = o.seed WHERE a.relation = 'seeds' AND o.grp = 'tuned' AND "
      "o.task = 'pick' AND o.rank = 4");
  REQUIRE(found.size() == 1);
  const auto training = [&](const Cell& trial) {
    return out / "trials" / std::get<std::string>(trial).substr(0, 12);
  };
  const fs::path second = training(found[0][0]), again = training(found[0][1]);
  for (const char* file : {"done.json", "curve.jsonl"})
    fs::copy_file(again / file, second / file, fs::copy_options::overwrite_existing);
  fs::copy(again / "adapter", second / "adapter",
           fs::copy_options::overwrite_existing | fs::copy_options::recursive);
  const std::string before = similarities();
  const ProgramResult collected = run_program({"collect", out.string()});
  INFO(collected.err);
  REQUIRE(collected.exit_code == 0);
  const std::string kept = similarities();
  CHECK(kept != before);
  remove_database(out);
  REQUIRE(run_program({"collect", out.string()}).exit_code == 0);
  CHECK(kept == similarities());
}
