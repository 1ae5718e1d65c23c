// `generate` as a user runs it, on small models.
#include <catch2/catch.hpp>

#include <signal.h>

#include <algorithm>
#include <map>
#include <set>

#include "common/draws.h"
#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

// `generate --json` on a file of prompts beside a copy of a golden model.
class GenerateScene {
 public:
  explicit GenerateScene(const std::string& golden) : model_(golden) {}
  ModelFolder& model() { return model_; }
  ProgramResult run(const std::vector<Json>& prompts, const std::vector<std::string>& more) const {
    write_file_atomically(folder_ / "prompts.jsonl", to_lines(prompts));
    return run_with({"generate", "--json", "--model", model_.path().string(), "--prompts",
                     (folder_ / "prompts.jsonl").string()},
                    more);
  }
  std::vector<Json> generate(const std::vector<Json>& prompts,
                             const std::vector<std::string>& more = {}) const {
    return json_lines(run(prompts, more));
  }

 private:
  ModelFolder model_;
  TemporaryFolder folder_;
};

std::vector<Json> drawn_lines(size_t count) {
  const Draws draws(1, "test", "prompts");
  uint64_t next = 0;
  std::vector<Json> lines;
  for (size_t i = 0; i < count; ++i) {
    std::vector<uint64_t> ids(1 + draws.below(next++, 30));
    for (uint64_t& id : ids) id = draws.below(next++, 1013);
    lines.push_back({{"id", "p" + std::to_string(i)}, {"prompt_ids", ids}});
  }
  return lines;
}

size_t distinct_lengths(const std::vector<Json>& predictions) {
  std::set<size_t> lengths;
  for (const Json& line : predictions) lengths.insert(line.at("ids").size());
  return lengths.size();
}

}  // namespace

TEST_CASE("generate passes its options on: transformers' tokens for each", "[goldens]") {
  const Json file = read_json_file(RANKSCOPE_SOURCE_DIR "/tests/reference/goldens/generation.json");
  // One case for each combination of options.
  std::map<std::vector<std::string>, Json> by_options;
  for (const Json& c : file.at("cases")) {
    if (c.at("model") != "gpt2_tied") continue;
    std::vector<std::string> options;
    for (const auto& [option, key] : {std::pair{"--max-new", "max_new"},
                                      {"--beams", "beams"},
                                      {"--length-penalty", "length_penalty"},
                                      {"--no-repeat-ngram", "no_repeat_ngram"}}) {
      options.insert(options.end(), {option, c.at(key).dump()});
    }
    by_options.emplace(options, c);
  }
  REQUIRE(by_options.size() > 20);
  GenerateScene scene("gpt2_tied");
  int64_t ended = 0;
  for (const auto& [options, c] : by_options) {
    scene.model().change_config([&](Json& config) { config["eos_token_id"] = c.at("end_ids"); });
    const std::vector<Json> got =
        scene.generate({{{"id", "a"}, {"prompt_ids", c.at("prompt")}}}, options);
    CAPTURE(options, c.at("end_ids").dump());
    REQUIRE(got.size() == 1);
    CHECK(got[0].at("ids") == c.at("ids"));
    CHECK(got[0].at("prediction").is_null());  // there is no tokenizer
    CHECK(got[0].contains("score") == !c.at("score").is_null());
    if (got[0].contains("score"))
      CHECK(got[0].at("score").get<double>() == Approx(c.at("score").get<double>()).epsilon(1e-5));
    ended += std::ranges::count(c.at("end_ids"), c.at("ids").back());
  }
  CHECK(ended > 5);
}

TEST_CASE("generate: the same bytes whatever is in flight, in the order of the prompts") {
  GenerateScene scene("llama_gqa");
  std::vector<Json> prompts = drawn_lines(40);
  for (const std::string beams : {"1", "3"}) {
    const std::vector<std::string> options{"--max-new", "24", "--beams", beams};
    // Ids that some predictions hold, so that they end at different steps.
    scene.model().change_config([](Json& config) { config.erase("eos_token_id"); });
    const std::vector<Json> free = scene.generate({prompts[0], prompts[1]}, options);
    scene.model().change_config([&](Json& config) {
      config["eos_token_id"] = {free[0].at("ids")[1], free[0].at("ids")[9], free[1].at("ids")[4],
                                free[1].at("ids")[15]};
    });
    std::map<Json, std::string> expected;
    for (const std::string in_flight : {"1", "3", "32"}) {
      std::vector<std::string> more = options;
      more.insert(more.end(), {"--in-flight", in_flight, "--threads", "2"});
      const std::vector<Json> got = scene.generate(prompts, more);
      INFO("beams " << beams << ", in flight " << in_flight);
      REQUIRE(got.size() == prompts.size());
      CHECK(distinct_lengths(got) > 2);
      for (size_t i = 0; i < got.size(); ++i) {
        CHECK(got[i].at("id") == prompts[i].at("id"));
        const auto [same, added] = expected.try_emplace(got[i].at("id"), got[i].dump());
        CHECK(got[i].dump() == same->second);
      }
    }
    std::vector<Json> shuffled(prompts.size());
    for (size_t i = 0; i < prompts.size(); ++i) shuffled[i * 7 % prompts.size()] = prompts[i];
    const std::vector<Json> got = scene.generate(shuffled, options);
    REQUIRE(got.size() == prompts.size());
    for (size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].at("id") == shuffled[i].at("id"));
      CHECK(got[i].dump() == expected.at(got[i].at("id")));
    }
  }
}

TEST_CASE("generate gives ids back as they were written, or a line's number") {
  const GenerateScene scene("gpt2_tied");
  const std::vector<Json> got = scene.generate({{{"id", 7}, {"prompt_ids", {1}}},
                                                {{"prompt_ids", {2}}},
                                                {{"id", "x"}, {"prompt_ids", {3}}, {"unread", 1}}},
                                               {"--max-new", "1"});
  REQUIRE(got.size() == 3);
  CHECK(got[0].at("id") == 7);
  CHECK(got[1].at("id") == "prompts:2");
  CHECK(got[2].at("id") == "x");
  for (const Json& line : got) CHECK(line.size() == 3);
}

TEST_CASE("generate reads prompts from standard input, whose lines without an id are its own") {
  const ModelFolder model("gpt2_tied");
  const TemporaryFolder folder;
  write_file_atomically(folder / "p.jsonl", to_lines({{{"prompt_ids", {2}}}}));
  const ProgramResult result = run_program(
      {"generate", "--json", "--model", model.path().string(), "--prompts", "-", "--max-new", "1"},
      {.in_file = folder / "p.jsonl"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(json_lines(result).at(0).at("id") == "stdin:1");
}

TEST_CASE("generate takes the id of an ending token where the model has no tokenizer") {
  GenerateScene scene("gpt2_tied");
  const std::vector<Json> prompts = drawn_lines(20);
  const std::vector<Json> free = scene.generate(prompts, {"--max-new", "16"});
  const int end = free[0].at("ids")[3], stop = free[1].at("ids")[5];
  const std::vector<Json> ended = scene.generate(
      prompts,
      {"--max-new", "16", "--end-token", std::to_string(end), "--stop", std::to_string(stop)});
  CHECK(ended != free);
  check_refused(scene.run(prompts, {"--end-token", "the"}),
                "'the': the model's folder has no tokenizer.json; give the token's id");
  check_refused(scene.run(prompts, {"--stop", "1013"}), "token id 1013 is outside");
  scene.model().change_config([&](Json& config) { config["eos_token_id"] = {end, stop}; });
  CHECK(ended == scene.generate(prompts, {"--max-new", "16"}));
}

TEST_CASE("generate with an adapter: merged or beside the weights, the same text") {
  GenerateScene scene("llama_gqa");
  const std::vector<Json> prompts = drawn_lines(30);
  const std::string adapter = RANKSCOPE_SOURCE_DIR "/tests/reference/peft/llama_q_v";
  const std::vector<std::string> merged{"--max-new", "16", "--adapter", adapter};
  std::vector<std::string> unmerged = merged;
  unmerged.push_back("--unmerged");
  const std::vector<Json> got = scene.generate(prompts, merged);
  CHECK(got == scene.generate(prompts, unmerged));
  CHECK(got != scene.generate(prompts, {"--max-new", "16"}));
}

TEST_CASE("generate interrupted ends at once, with whole lines of all that was done") {
  TemporaryFolder folder;
  std::vector<Json> prompts = drawn_lines(3000);
  // The first run of prompts that may be reordered: three that are taken first, then the others
  // from the last that is taken on, so that those wait for one another.
  const auto run = std::span(prompts).first(256);
  const auto ids = [](const Json& line) { return line.at("prompt_ids"); };
  std::ranges::sort(run, {}, ids);
  std::ranges::reverse(run.subspan(3));
  write_file_atomically(folder / "p.jsonl", to_lines(prompts));
  const std::vector<std::string> command{"generate",  "--json",
                                         "--threads", "1",
                                         "--model",   golden_folder("gpt2_tied").string(),
                                         "--prompts", (folder / "p.jsonl").string(),
                                         "--max-new", "30"};
  const ProgramResult result = run_program(command, {.signal_after_lines = 3, .signal = SIGINT});
  INFO(result.err);
  CHECK(result.exit_code == 130);
  const std::vector<std::string> lines = result.out_lines();
  REQUIRE(lines.size() >= 3);
  CHECK(lines.size() < prompts.size());
  CHECK(result.out.ends_with("\n"));
  // In the order of the prompts; also those that waited for others, which did not come.
  size_t next = 0;
  for (const std::string& line : lines) {
    const Json id = Json::parse(line).at("id");
    while (next < prompts.size() && prompts[next].at("id") != id) ++next;
    REQUIRE(next < prompts.size());
    ++next;
  }
  CHECK(next > lines.size());
}
