// What of a sweep's prompts was cut is told of by its database, its report and its claims.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "common/appended_lines.h"
#include "common/files.h"
#include "tests/experiments/sweep/small_sweep.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace fs = std::filesystem;

namespace {

// Of the context of 48 tokens the prefix leaves 16, of which an answer may take 8.
class ShortContext {
 public:
  ShortContext() {
    sweep_.model().folder().change_config(
        [](Json& config) { config["max_position_embeddings"] = 48; });
    write_file_atomically(claims(), R"(claims:
  - id: A
    title: t
    source: s
    statistic: score
    region: above
    margins: {write: 1}
    reason: r
    contrasts: [{left: {method: prefix_embed}, right: {method: lora}}]
    control: shuffled
)");
  }
  void finish() const {
    sweep_.finish("short", {"groups=[{name: taken, method: prefix_embed, prefix: 32, tasks: "
                            "write}, {name: whole, method: lora, rank: 2, tasks: write}]",
                            "analysis={}", "training.steps=2"});
  }
  fs::path out() const { return sweep_.out("short"); }
  fs::path claims() const { return sweep_.path() / "claims.yaml"; }

  // What the database says of a group's first trial and its data: keys and values, "KEY=VALUE" a
  // line.
  std::string recorded(const std::string& group, const std::string& keys = "scored_") const {
    std::string text;
    for (const Json& row :
         json_lines(run_program({"query", out().string(),
                                 "SELECT key, value FROM environment WHERE trial = '" +
                                     trial_of(out(), group, "write").at("id").get<std::string>() +
                                     "' AND key LIKE '" + keys + "%' ORDER BY key",
                                 "--format", "json"})))
      if (const std::string key = row.at("key");
          key.ends_with("_examples") || key.ends_with("_left_out") || key.ends_with("_cut"))
        text += key + "=" + row.at("value").get<std::string>() + "\n";
    return text;
  }
  std::string explanation() const {
    const ProgramResult result =
        run_program({"claims", out().string(), "--claims", claims().string(), "--json"});
    return json_lines(result).at(0).at("explanation");
  }
  std::string report() const {
    const fs::path folder = sweep_.path() / "report";
    const ProgramResult result = run_program({"report", out().string(), "--out", folder.string(),
                                              "--claims", claims().string(), "--no-png"});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return read_text_file(folder / "report.md");
  }

 private:
  SmallSweep sweep_;
};

// How the log of a trial's evaluation puts it.
bool logged(const fs::path& evaluation, int cut, int tokens) {
  return read_text_file(evaluation / "log.txt")
             .find(fmt::format("write_dev.jsonl: {0} of {0} prompts were cut, by {1} tokens in all",
                               cut, tokens)) != std::string::npos;
}

}  // namespace

TEST_CASE("scored and training prompts that were cut stand in the database, report and claims") {
  const ShortContext sweep;
  sweep.finish();
  const fs::path evaluation = eval_folder(sweep.out(), trial_of(sweep.out(), "taken", "write"));
  CHECK(logged(evaluation, 6, 47));
  const std::string scored =
      "scored_examples=6\nscored_left_out=0\nscored_prompts_cut=6\nscored_tokens_cut=47\n";
  CHECK(sweep.recorded("taken") == scored);
  CHECK(sweep.recorded("taken", "train_") ==
        "train_examples=12\ntrain_left_out=0\ntrain_prompts_cut=12\ntrain_tokens_cut=76\n");
  const std::string whole =
      "scored_examples=6\nscored_left_out=0\nscored_prompts_cut=0\nscored_tokens_cut=0\n";
  CHECK(sweep.recorded("whole") == whole);
  CHECK(sweep.recorded("base") == whole);

  CHECK_THAT(sweep.explanation(),
             Catch::Contains("; on write 6 of 6 scored prompts were cut, by 47 tokens in all, of "
                             "prefix_embed prefix 32, infix 0; on write 12 of 12 training prompts "
                             "were cut, by 76 tokens in all, of prefix_embed prefix 32, infix 0") &&
                 !Catch::Contains("of lora"));
  const std::string report = sweep.report();
  CHECK_THAT(report,
             Catch::Contains("6 of 6 scored prompts were cut, by 47 tokens in all") &&
                 Catch::Contains("With 1 setting prompts were cut, as the next table says") &&
                 Catch::Contains("Prompts that were cut") &&
                 Catch::Contains("| 6 of 6 | 47 | 0 | 12 of 12 | 76 | 0 |"));

  SECTION("an evaluation that was interrupted counts all its prompts") {
    const std::string done = read_bytes(evaluation / "done.json");
    const std::vector<std::string> lines =
        AppendedLines::whole_lines(evaluation / "predictions.jsonl");
    REQUIRE(lines.size() == 6);
    write_file_atomically(evaluation / "predictions.jsonl", lines[0] + "\n" + lines[1] + "\n");
    fs::remove(evaluation / "outcomes.jsonl");
    fs::remove(evaluation / "done.json");
    sweep.finish();
    CHECK(read_bytes(evaluation / "done.json") == done);
    CHECK(sweep.recorded("taken") == scored);
  }

  SECTION("of records that do not count it nothing is said") {
    for (const Json& trial : trials_of(sweep.out())) {
      for (const fs::path& folder :
           {train_folder(sweep.out(), trial), eval_folder(sweep.out(), trial)}) {
        if (!fs::exists(folder / "done.json")) continue;
        Json json = read_json_file(folder / "done.json");
        for (const char* key : {"prompts_cut", "tokens_cut", "left_out"})
          json.at("read").at("data").erase(key);
        json.erase("check");  // which they do not have either
        write_file_atomically(folder / "done.json", json.dump(1) + "\n");
      }
    }
    const std::string predictions = read_bytes(evaluation / "predictions.jsonl");
    const auto written = fs::last_write_time(evaluation / "done.json");
    sweep.finish();
    CHECK(fs::last_write_time(evaluation / "done.json") == written);
    CHECK(read_bytes(evaluation / "predictions.jsonl") == predictions);
    for (const char* group : {"taken", "whole", "base"}) {
      CHECK(sweep.recorded(group).empty());
      CHECK(sweep.recorded(group, "train_").empty());
    }
    CHECK_THAT(sweep.explanation(), !Catch::Contains("cut"));
    CHECK_THAT(sweep.report(), !Catch::Contains("were cut") && !Catch::Contains("was cut"));
  }
}
