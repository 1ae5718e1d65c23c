// What a trial's predictions score is what `score` says of them, an example at a time.
#include "experiments/task_scorer.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/files.h"
#include "tests/datasets/test_files.h"
#include "tests/error_text.h"
#include "tests/experiments/program.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

struct Scored {
  std::string task, file, scorer;
  std::vector<std::string> more;
};

const std::vector<Scored> kScored = {{"wikisql", "dev.jsonl", "wikisql", {}},
                                     {"mnli", "train.tsv", "accuracy", {}},
                                     {"samsum", "train.json", "rouge", {"--stemmer"}}};

DataSource source_of(const Scored& scored) {
  DataSource source;
  source.task = scored.task;
  source.data = data_file(scored.task) / scored.file;
  return source;
}

// Ids and targets as `render` prints them; every second prediction is another's.
std::vector<std::pair<std::string, std::string>> predictions_of(const Scored& scored) {
  std::vector<std::pair<std::string, std::string>> out;
  const std::vector<Json> rendered = json_lines(run_program(
      {"render", scored.task, "--json", "--references", source_of(scored).data.string()}));
  for (size_t i = 0; i < rendered.size(); ++i)
    out.emplace_back(rendered[i].at("id"), rendered[i % 2 == 0 ? i : 0].at("target"));
  return out;
}

// The values of a line of `score --json`, by the names that a trial's metrics have.
std::map<std::string, double> values_of(const Json& line) {
  std::map<std::string, double> out;
  for (const auto& [key, value] : line.items()) {
    if (value.is_boolean())
      out[key == "correct" ? "accuracy" : key] = value.get<bool>() ? 1 : 0;
    else if (value.is_object())
      out[key] = value.at("f");
  }
  return out;
}

}  // namespace

TEST_CASE("a task's scorer gives each example what `score` gives it") {
  for (const Scored& scored : kScored) {
    INFO(scored.task);
    const auto predictions = predictions_of(scored);
    REQUIRE(predictions.size() >= 2);
    TemporaryFolder folder;
    std::string text;
    for (const auto& [id, prediction] : predictions)
      text += Json({{"id", id}, {"prediction", prediction}}).dump() + "\n";
    write_file_atomically(folder / "p.jsonl", text);
    const std::vector<Json> lines = json_lines(
        run_with({"score", scored.scorer, "--json", "--predictions", (folder / "p.jsonl").string(),
                  "--references", source_of(scored).data.string()},
                 scored.more));
    REQUIRE(lines.size() == predictions.size() + 1);
    const auto scorer = make_task_scorer(source_of(scored));
    double total = 0;
    for (size_t i = 0; i < predictions.size(); ++i) {
      const Outcomes outcomes = scorer->outcomes(predictions[i].first, predictions[i].second);
      CHECK(outcomes == values_of(lines[i]));
      total += outcomes.begin()->second;
    }
    // Some are right and some are wrong: the comparison above sees both.
    CHECK(total > 0);
    CHECK(total < static_cast<double>(predictions.size()));
  }
}

TEST_CASE(
    "an own task's entries are scored by accuracy where they have choices, else by their text") {
  const Scored own{"own", "train.jsonl", "", {}};
  const auto scorer = make_task_scorer(source_of(own));
  CHECK(scorer->outcomes("a", " 4") == Outcomes{{"accuracy", 1}});
  CHECK(scorer->outcomes("a", " 3") == Outcomes{{"accuracy", 0}});
  const Outcomes text = scorer->outcomes("train:2", "paris");
  CHECK(text.at("exact") == 1);
  CHECK(text.at("rouge1") == 1);
  CHECK(scorer->reference("train:2") == "Paris");
}

TEST_CASE("what the template writes around a target's answer is no part of it") {
  DataSource own = source_of({"own", "train.jsonl", "", {}});
  own.template_keys = {"target= answer:{target}."};
  const auto own_scorer = make_task_scorer(own);
  CHECK(own_scorer->outcomes("a", " answer: 4.") == Outcomes{{"accuracy", 1}});
  CHECK(own_scorer->outcomes("a", " answer: 3.") == Outcomes{{"accuracy", 0}});
  CHECK(own_scorer->outcomes("a", " 4") == Outcomes{{"accuracy", 1}});
  // "paris" is the second of the references.
  for (const char* prediction :
       {" answer: Paris.", "answer: paris.\n", " answer: Paris", "Paris"}) {
    INFO(prediction);
    const Outcomes text = own_scorer->outcomes("train:2", prediction);
    CHECK(text.at("exact") == 1);
    CHECK(text.at("rouge1") == 1);
  }
  CHECK(own_scorer->outcomes("train:2", " answer: Rome.").at("exact") == 0);

  DataSource samsum = source_of(kScored[2]);
  const std::string summary = "Ida will bring bread [two loaves].";
  const std::string id = predictions_of(kScored[2]).front().first;
  samsum.template_keys = {"target= Summary: {summary}"};
  const Outcomes perfect = make_task_scorer(samsum)->outcomes(id, " Summary: " + summary);
  CHECK(perfect == make_task_scorer(source_of(kScored[2]))->outcomes(id, " " + summary));
  CHECK(perfect.at("rouge1") == 1);

  DataSource wikisql = source_of(kScored[0]);
  wikisql.template_keys = {"target= SQL: {sql};"};
  const auto wikisql_scorer = make_task_scorer(wikisql);
  const std::string query = "SELECT Depth (m) FROM table WHERE Lake = Long Tarn";
  for (const std::string& prediction : {" SQL: " + query + ";", " " + query}) {
    INFO(prediction);
    const Outcomes gold = wikisql_scorer->outcomes("dev:1", prediction);
    CHECK(gold.at("logical_form") == 1);
    CHECK(gold.at("exact") == 1);
  }
  CHECK(wikisql_scorer->outcomes("dev:1", " SQL: nonsense;").at("parsed") == 0);
}

TEST_CASE("a task's files are read as the task's, whatever other keys their entries have") {
  TemporaryFolder folder;
  const auto scorer_of = [&](const std::string& task, const std::string& entry) {
    DataSource source;
    source.task = task;
    source.data = folder / (task + ".jsonl");
    write_file_atomically(source.data, entry + "\n");
    return make_task_scorer(source);
  };
  for (const std::string& other :
       {R"("reference": "https://example.org/1")", R"("references": ["a", "b"])",
        R"("prompt": "Who?", "target": "nobody")"}) {
    INFO(other);
    const auto samsum = scorer_of(
        "samsum", R"({"id": "a", "dialogue": "x: y", "summary": "x says y", )" + other + "}");
    CHECK(samsum->reference("a") == "x says y");
    CHECK(samsum->outcomes("a", " x says y").at("rouge1") == 1);
    // Without `id`, which a line of references must have.
    const auto mnli = scorer_of(
        "mnli", R"({"sentence1": "a", "sentence2": "b", "gold_label": "neutral", )" + other + "}");
    CHECK(mnli->outcomes("mnli:1", " neither") == Outcomes{{"accuracy", 1}});
    const auto with_id = scorer_of(
        "mnli", R"({"id": "7", "sentence1": "a", "sentence2": "b", "gold_label": "neutral", )" +
                    other + "}");
    CHECK(with_id->outcomes("mnli:1", " neither") == Outcomes{{"accuracy", 1}});
  }
}

TEST_CASE("what the template writes around a label counts for nothing, whole or in part") {
  DataSource source = source_of(kScored[1]);
  const std::string id = predictions_of(kScored[1]).front().first;  // entailment
  source.template_keys = {"target= Answer: {label}."};
  const auto scorer = make_task_scorer(source);
  for (const char* prediction : {" Answer: true.", " Answer: true", " true.", "true\n",
                                 " Answer: entailment.", "entailment"}) {
    INFO(prediction);
    CHECK(scorer->outcomes(id, prediction) == Outcomes{{"accuracy", 1}});
  }
  for (const char* prediction : {" Answer: false.", "false", "neither.", " Answer:", "tru", ""}) {
    INFO(prediction);
    CHECK(scorer->outcomes(id, prediction) == Outcomes{{"accuracy", 0}});
  }
}

TEST_CASE("a source that leaves out its first examples is scored on those that it has") {
  DataSource source = source_of(kScored[0]);
  source.skip = 2;
  source.limit = 1;
  const auto scorer = make_task_scorer(source);
  CHECK(scorer->outcomes("dev:3", "nonsense").at("parsed") == 0);
  CHECK_THAT(error_text<InputError>([&] { scorer->outcomes("dev:4", ""); }),
             Catch::Contains("has no example 'dev:4'"));
}

TEST_CASE("a table of wikisql without a row is executed where another has rows") {
  TemporaryFolder folder;
  const std::string question = R"(", "question": "q", "sql": {"sel": 0, "agg": 3, "conds": []}})"
                               "\n";
  write_file_atomically(folder / "dev.jsonl",
                        R"({"table_id": "1-1)" + question + R"({"table_id": "1-2)" + question);
  const std::string head = R"(", "header": ["Ship"], "types": ["text"], "rows": )";
  write_file_atomically(folder / "dev.tables.jsonl", R"({"id": "1-1)" + head + "[[\"Ask\"]]}\n" +
                                                         R"({"id": "1-2)" + head + "[]}\n");
  DataSource source;
  source.task = "wikisql";
  source.data = folder / "dev.jsonl";
  const auto scorer = make_task_scorer(source);
  CHECK(scorer->outcomes("dev:2", "SELECT COUNT(Ship) FROM table").at("execution") == 1);
  CHECK(scorer->outcomes("dev:2", "SELECT Ship FROM table").at("execution") == 0);
}
