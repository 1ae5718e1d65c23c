// Text in, scores out: `train --task`, `generate --task` and `score` on the same small files.
#include <catch2/catch.hpp>

#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

struct Way {
  std::string task, file, scorer;
  std::function<double(const Json& means)> score;
  double right = 3.0;  // the score of the targets themselves
};

double field(const Json& means, const char* name) { return means.at(name).get<double>(); }

}  // namespace

TEST_CASE("train, generate and score: what was learned by heart scores as right") {
  const TextModel model;
  for (const Way& way : std::vector<Way>{
           {"wikisql", "wikisql/dev.jsonl", "wikisql",
            [](const Json& m) {
              return field(m, "logical_form") + field(m, "execution") + field(m, "exact");
            }},
           {"mnli", "mnli/train.tsv", "accuracy",
            [](const Json& m) { return 3 * field(m, "accuracy"); }},
           {"samsum", "samsum/val.jsonl", "rouge",
            [](const Json& m) {
              return field(m.at("rouge1"), "f") + field(m.at("rouge2"), "r") +
                     field(m.at("rougeL"), "p");
            }},
           {"own", "own/train.jsonl", "accuracy",
            [](const Json& m) { return 3 * field(m, "accuracy"); },
            // One of the three is compared with another text than its target.
            2.0}}) {
    INFO(way.task);
    TemporaryFolder folder;
    const std::string data = data_file(way.file).string();
    const std::string out = (folder / "out").string();
    const std::vector<std::string> on_task{"--json", "--threads", "1",      "--model", model.path(),
                                           "--task", way.task,    "--data", data};
    const auto words = [&](const std::string& command, const std::vector<std::string>& more) {
      std::vector<std::string> all{command};
      all.insert(all.end(), on_task.begin(), on_task.end());
      all.insert(all.end(), more.begin(), more.end());
      return all;
    };
    const ProgramResult trained =
        run_program(words("train", {"--method", "full", "--set", "lr=5e-3", "--set", "batch=4",
                                    "--set", "weight_decay=0", "--steps", "80", "--out", out}));
    REQUIRE(trained.exit_code == 0);
    const auto score = [&](const std::vector<std::string>& more) {
      const ProgramResult predicted = run_program(words("generate", more));
      INFO(predicted.err);
      REQUIRE(predicted.exit_code == 0);
      const std::string file = (folder / "predictions.jsonl").string();
      write_file_atomically(file, predicted.out);
      const std::vector<Json> lines = json_lines(run_program(
          {"score", way.scorer, "--json", "--predictions", file, "--references", data}));
      CHECK(lines.size() == predicted.out_lines().size() + 1);
      return way.score(lines.back());
    };
    CHECK(score({"--adapter", out + "/adapter"}) == Approx(way.right));
    CHECK(score({"--adapter", out + "/adapter", "--beams", "3"}) == Approx(way.right));
    CHECK(score({"--adapter", out + "/adapter", "--free"}) == Approx(way.right));
    CHECK(score({}) < way.right - 0.5);
  }
}
