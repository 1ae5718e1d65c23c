// SWEEP_FILE.md against the program: every documented key is accepted, every accepted key is
// documented, and its default is the one in force.
#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "common/files.h"
#include "engine/methods/method.h"
#include "experiments/sweep/sweep_keys.h"
#include "tests/experiments/sweep/sweep_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

struct Row {
  std::string key, fallback;
  bool operator<(const Row& other) const { return key < other.key; }
};

std::string between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return {};
  const std::size_t from = at + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

// The words in backticks.
std::vector<std::string> quoted(std::string text) {
  std::vector<std::string> words;
  for (std::string word = between(text, "`", "`"); !word.empty(); word = between(text, "`", "`")) {
    words.push_back(word);
    text = text.substr(text.find("`" + word + "`") + word.size() + 2);
  }
  return words;
}

// The tables of keys by their sections, which the heading before them names in backticks.
std::map<std::string, std::set<Row>> documented() {
  std::istringstream page(read_text_file(std::filesystem::path(RANKSCOPE_SOURCE_DIR) /
                                         "experiments/sweep/SWEEP_FILE.md"));
  std::map<std::string, std::set<Row>> sections;
  std::string line;
  std::vector<std::string> named;
  while (std::getline(page, line)) {
    if (line.starts_with("#")) named = quoted(line);
    if (!line.starts_with("| `")) continue;
    const std::string rest = line.substr(line.find(" | ") + 3);
    const std::string fallback = rest.substr(rest.find(" | ") + 3);
    for (const std::string& section : named) {
      const bool added =
          sections[section]
              .insert({between(line, "`", "`"), fallback.substr(0, fallback.find(" | "))})
              .second;
      INFO(line);
      CHECK(added);
    }
  }
  return sections;
}

std::set<std::string> names(const std::set<Row>& rows) {
  std::set<std::string> names;
  for (const Row& row : rows) names.insert(row.key);
  return names;
}

std::set<std::string> accepted(const std::string& section) {
  const std::vector<std::string> keys = sweep_keys(section);
  return {keys.begin(), keys.end()};
}

}  // namespace

TEST_CASE("the page and the program know the same keys") {
  const std::map<std::string, std::set<Row>> page = documented();
  for (const char* section : {"sweep", "task", "train", "score", "tune", "template", "tuning",
                              "training", "analysis", "latency"}) {
    INFO(section);
    CHECK(names(page.at(section)) == accepted(section));
  }
  // A group takes its own keys, those of training, and those of the methods.
  std::set<std::string> group = names(page.at("group"));
  group.merge(names(page.at("training")));
  for (const std::string_view method : method_names()) {
    std::set<std::string> own;
    for (const auto& [key, value] : method_settings(std::string(method))) own.insert(key);
    const auto rows = page.find(std::string(method));
    INFO(method);
    CHECK((rows == page.end() ? std::set<std::string>() : names(rows->second)) == own);
    group.merge(own);
  }
  CHECK(group == accepted("group"));
}

TEST_CASE("the page states the defaults in force") {
  const std::map<std::string, std::set<Row>> page = documented();
  const auto check = [](const std::set<Row>& rows, const std::map<std::string, std::string>& real) {
    for (const Row& row : rows) {
      const auto found = real.find(row.key);
      // The rank stands for alpha's default, and "none" for that of ranks.
      if (found == real.end() || row.key == "alpha" || row.key == "ranks") continue;
      INFO(row.key);
      CHECK(row.fallback == "`" + found->second + "`");
    }
  };
  check(page.at("training"), training_settings());
  for (const std::string_view method : method_names())
    if (const auto rows = page.find(std::string(method)); rows != page.end())
      check(rows->second, method_settings(std::string(method)));

  const SweepFolder folder;
  const Sweep sweep = folder.read(
      "base: m\ntasks: {wikisql: {data: data, train: {limit: 3}}}\nmethod: lora\nlr: tuned\n"
      "steps: 1\ntuning: {lr: [1], steps: 1}\n");
  const TrialConfig trial = trained(sweep).at(0);
  const auto stated = [&](const char* section, const char* key) {
    return page.at(section).find({key, ""})->fallback;
  };
  const auto code = [](const std::string& text) { return "`" + text + "`"; };
  const DecodingSettings& decoding = trial.task.score.decoding;
  CHECK(stated("score", "beams") == code(std::to_string(decoding.beams)));
  CHECK(stated("score", "min_new") == code(std::to_string(decoding.min_new)));
  CHECK(stated("score", "no_repeat_ngram") == code(std::to_string(decoding.no_repeat_ngram)));
  CHECK(stated("score", "merged") == code(trial.task.score.merged ? "true" : "false"));
  CHECK(stated("score", "free_text") == code(trial.task.score.free_text ? "true" : "false"));
  CHECK(stated("score", "max_new") == "`100` for samsum, `64` for others");
  CHECK(decoding.max_new == 64);
  CHECK(decoding.length_penalty == 1);
  CHECK(stated("training", "keep") == code(trial.keep));
  CHECK(stated("training", "eval_every") == code(std::to_string(trial.eval_every)));
  CHECK(stated("tuning", "seed") == code(std::to_string(trial.tuning->seed)));
  CHECK(stated("tuning", "examples") == code(std::to_string(trial.tuning->score.limit)));
  CHECK(stated("sweep", "seeds") == code(std::to_string(trial.seed)));
  CHECK(stated("sweep", "report") == code(sweep.report ? "true" : "false"));
  CHECK(stated("sweep", "precision") == code(trial.precision));
  CHECK(stated("sweep", "device") == code("cpu"));
  CHECK(stated("sweep", "pack_trials") == code(std::to_string(sweep.pack_trials)));
  const AnalysisSettings analysis;
  CHECK(analysis.pairs ==
        std::vector<std::string>{"ranks", "seeds", "shuffled", "base", "initial"});
  CHECK(stated("analysis", "pairs") == "all of them");
  CHECK(analysis.directions == std::vector<std::string>{"a", "dw"});
  CHECK(stated("analysis", "directions") == code("[a, dw]"));
  CHECK(stated("analysis", "amplification") == code(analysis.amplification ? "true" : "false"));
  CHECK(stated("analysis", "intruders") == code("0"));
  const LatencySettings latency;
  CHECK(stated("latency", "batch") == code(std::to_string(latency.batches.at(0))));
  CHECK(stated("latency", "rank") == code(std::to_string(latency.rank)));
  CHECK(stated("latency", "targets") == code(latency.targets));
  CHECK(stated("latency", "rounds") == code(std::to_string(latency.rounds)));
  CHECK(stated("latency", "tokens") == code(std::to_string(latency.tokens)));
  CHECK(stated("latency", "threads") == code(std::to_string(latency.threads)));
}

TEST_CASE("every key is taken with a value that fits it") {
  const std::map<std::string, std::string> values = {
      {"sweep.name", "n"},
      {"sweep.base", "m2"},
      {"sweep.seeds", "[4, 5]"},
      {"sweep.tasks", "{own: {data: data, train: {limit: 5}}}"},
      {"sweep.training", "{steps: 2}"},
      {"sweep.groups", "[{method: lora, steps: 3}]"},
      {"sweep.tuning", "{lr: [1e-3], steps: 2}"},
      {"sweep.analysis", "{pairs: seeds}"},
      {"sweep.report", "true"},
      {"sweep.precision", "bf16"},
      {"sweep.device", "cuda:1"},
      {"sweep.pack_trials", "auto"},
      {"analysis.pairs", "[ranks, base]"},
      {"analysis.directions", "dw_left"},
      {"analysis.amplification", "false"},
      {"training.shuffle_targets", "true"},
      {"group.shuffle_targets", "true"},
      {"task.task", "samsum"},
      {"task.data", "data/dev.jsonl"},
      {"task.max_tokens", "50"},
      {"task.end_token", "</s>"},
      {"task.template", "{target: '{target} .'}"},
      {"task.train", "{limit: 4}"},
      {"task.score", "{limit: 4}"},
      {"task.tune", "{limit: 4}"},
      {"train.data", "data"},
      {"train.split", "extra"},
      {"train.skip", "2"},
      {"train.limit", "3"},
      {"score.data", "data"},
      {"score.split", "extra"},
      {"score.skip", "2"},
      {"score.limit", "3"},
      {"score.max_new", "9"},
      {"score.min_new", "1"},
      {"score.beams", "2"},
      {"score.length_penalty", "-0.5"},
      {"score.no_repeat_ngram", "3"},
      {"score.merged", "false"},
      {"score.free_text", "true"},
      {"score.metric", "rouge1"},
      {"tune.data", "data"},
      {"tune.split", "extra"},
      {"tune.skip", "70"},
      {"tune.limit", "3"},
      {"template.prompt", "'{prompt}:'"},
      {"template.target", "'{target}'"},
      {"template.truncate", "prompt:end:lines"},
      {"tuning.lr", "[1e-3]"},
      {"tuning.steps", "9"},
      {"tuning.seed", "9"},
      {"tuning.examples", "9"},
      {"tuning.per", "trial"},
      {"training.steps", "9"},
      {"training.eval_every", "9"},
      {"training.keep", "last"},
      {"training.lr", "1e-3"},
      {"training.schedule", "cosine"},
      {"training.base_dropout", "true"},
      {"training.warmup_steps", "3"},
      {"group.name", "g"},
      {"group.method", "lora"},
      {"group.tasks", "own"},
      {"group.seeds", "[8]"},
      {"group.optional", "true"},
      {"group.init_seed", "8"},
      {"group.data_seed", "8"},
      {"group.grid", "{batch: [1, 2]}"},
      {"group.zip", "{batch: [1, 2]}"},
      {"group.rslora", "true"},
      {"group.targets", "Wo"},
      {"group.layers", "'0-1'"},
      {"group.ranks", "Wq:3"},
      {"group.init", "gaussian"},
      {"group.schedule", "constant"},
      {"group.base_dropout", "true"},
      {"group.warmup_steps", "3"},
      {"group.lr", "tuned"},
      {"group.keep", "last"},
      {"group.eval_every", "2"},
      {"group.activation", "relu"},
      {"group.bottleneck", "3"},
      {"group.prefix", "3"},
      {"group.infix", "3"},
      {"group.init_rank", "9"},
      {"group.delta_t", "3"},
  };
  const std::map<std::string, std::string> paths = {
      {"sweep", ""},
      {"task", "tasks.own."},
      {"train", "tasks.own.train."},
      {"score", "tasks.own.score."},
      {"tune", "tasks.own.tune."},
      {"template", "tasks.own.template."},
      {"tuning", "tuning."},
      {"training", "training."},
      {"analysis", "analysis."},
      {"group", "groups.0."},
  };
  const SweepFolder folder;
  const std::string text =
      "base: m\ntasks: {own: {data: " + (folder / "data").string() +
      ", train: {limit: 60}}}\n"
      "tuning: {lr: [1e-2], steps: 2}\ntraining: {}\ngroups: [{method: lora}]\n";
  for (const auto& [section, path] : paths) {
    for (const std::string& key : sweep_keys(section)) {
      if (key == "latency") continue;  // excludes the rest of this file (latency_file_test.cpp)
      // Numbers fit most settings; what gives the length of training stands in every file.
      const auto value = values.find(section + "." + key);
      std::string given = value == values.end() ? "0.5" : value->second;
      if (key == "batch" || key == "micro_batch_tokens" || key == "rank" || key == "steps") {
        given = "4";
      }
      if (key == "parameters") given = "1k";
      // Written out, since a path on the command line is relative to another folder.
      if (key == "data" && section != "sweep") given = (folder / "data/train.jsonl").string();
      if (key == "data" && section == "score") given = (folder / "data/dev.jsonl").string();
      if (section == "template" && key == "verbalisers") continue;  // only tasks with labels
      std::vector<std::string> overrides;
      if (path == "tuning." || (key != "steps" && key != "epochs"))
        overrides.emplace_back("training.epochs=1");
      if (key == "groups") overrides.clear();
      if (section == "sweep" && key == "tasks")
        given = "{own: {data: '" + (folder / "data").string() + "'}}";
      if (section == "sweep" && key == "training") overrides.clear();
      // The group's method is lora; what that lacks is given to one that has it.
      if (section == "group" && !method_settings("lora").contains(key))
        for (const std::string_view method : method_names())
          if (method_settings(std::string(method)).contains(key)) {
            overrides.push_back(path + "method=" + std::string(method));
            break;
          }
      overrides.push_back(path + key + "=" + given);
      INFO(section + ": " + overrides.back());
      CHECK(folder.refusal(text, overrides) == "nothing was thrown");
    }
  }
  CHECK(folder.refusal("base: m\ntasks: {mnli: {data: data, template: {verbalisers: [yes, maybe, "
                       "no]}}}\nmethod: lora\nsteps: 1\n") == "nothing was thrown");
}
