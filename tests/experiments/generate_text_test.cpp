// `generate` from text to text: end and stop tokens, choices, prompts that are cut.
#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

class TextScene {
 public:
  TextModel& model() { return model_; }
  std::vector<Json> generate(const std::vector<Json>& prompts,
                             const std::vector<std::string>& more) const {
    write_file_atomically(folder_ / "p.jsonl", to_lines(prompts));
    return json_lines(run_with({"generate", "--json", "--threads", "1", "--model", model_.path(),
                                "--prompts", (folder_ / "p.jsonl").string()},
                               more));
  }
  // The ids of a text as `tokenize` prints them.
  Json tokens(const std::string& text) const {
    write_file_atomically(folder_ / "t.jsonl", Json(text).dump() + "\n");
    return json_lines(run_program(
        {"tokenize", "--jsonl", "--model", model_.path(), (folder_ / "t.jsonl").string()}))[0];
  }
  // The summed log-likelihood of `target`'s text behind `prompt`'s, by `nll` on token ids.
  double log_likelihood(const Json& prompt_ids, const Json& target_ids) const {
    write_file_atomically(folder_ / "n.jsonl",
                          to_lines({{{"prompt_ids", prompt_ids}, {"target_ids", target_ids}}}));
    const auto lines =
        json_lines(run_program({"nll", "--json", "--threads", "1", "--model", model_.path(),
                                "--data", (folder_ / "n.jsonl").string()}));
    return -lines[0].at("nll").get<double>();
  }

 private:
  TextModel model_;
  TemporaryFolder folder_;
};

const std::string kText = "The night was long, and the light of the moon";

}  // namespace

TEST_CASE("generate reads a text as the tokenizer's template has it, and decodes what is new") {
  const TextScene scene;
  const Json ids = scene.tokens(kText);
  CHECK(ids[0] == 1);
  const std::vector<Json> got =
      scene.generate({{{"id", "text"}, {"prompt", kText}}, {{"id", "ids"}, {"prompt_ids", ids}}},
                     {"--max-new", "12"});
  REQUIRE(got.size() == 2);
  CHECK(got[0].at("ids") == got[1].at("ids"));
  CHECK(got[0].at("prediction") == got[1].at("prediction"));
  CHECK(got[0].at("prediction").is_string());
  // --max-prompt keeps the beginning.
  Json begin = Json::array();
  for (size_t i = 0; i < 5; ++i) begin.push_back(ids[i]);
  const std::vector<Json> cut =
      scene.generate({{{"id", "text"}, {"prompt", kText}}, {{"id", "ids"}, {"prompt_ids", begin}}},
                     {"--max-new", "12", "--max-prompt", "5"});
  CHECK(cut[0].at("ids") == cut[1].at("ids"));
  CHECK(cut[0].at("ids") != got[0].at("ids"));
}

TEST_CASE("generate ends at end and stop tokens, which the text does not show") {
  TextScene scene;
  const std::vector<Json> prompts{{{"id", "a"}, {"prompt", kText}}};
  const Json whole = scene.generate(prompts, {"--max-new", "16"})[0].at("ids");
  REQUIRE(whole.size() == 16);
  // The first token that did not occur before the third place.
  size_t at = 3;
  while (std::find(whole.begin(), whole.begin() + static_cast<long>(at), whole[at]) !=
         whole.begin() + static_cast<long>(at))
    ++at;
  const Json expected(std::vector<Json>(whole.begin(), whole.begin() + static_cast<long>(at) + 1));
  const std::string token = whole[at].dump();
  const Json before = scene.generate(prompts, {"--max-new", std::to_string(at)})[0];
  for (const std::vector<std::string>& options : {std::vector<std::string>{"--stop", token},
                                                  {"--stop", "0", "--stop", token},
                                                  {"--end-token", token}}) {
    CAPTURE(options);
    const Json got = scene.generate(prompts, options)[0];
    CHECK(got.at("ids") == expected);
    CHECK(got.at("prediction") == before.at("prediction"));
  }
  scene.model().folder().change_config([&](Json& config) {
    config["eos_token_id"] = {0, whole[at]};
  });
  CHECK(scene.generate(prompts, {})[0].at("ids") == expected);
  const Json longer =
      scene.generate(prompts, {"--max-new", "16", "--min-new", std::to_string(at + 2)})[0];
  CHECK(longer.at("ids").size() > at + 1);
  // It was barred, and something else stands in its place.
  CHECK(longer.at("ids")[at] != whole[at]);
}

TEST_CASE("generate picks the likeliest of a prompt's choices, among prompts without") {
  const TextScene scene;
  const std::vector<std::string> choices{" the night", " light", " a moon and the sea"};
  const std::vector<Json> prompts{
      {{"id", "free"}, {"prompt", kText}},
      {{"id", "choose"}, {"prompt", kText}, {"choices", choices}},
      {{"id", "last"}, {"prompt", "We"}},
  };
  const std::vector<Json> got = scene.generate(prompts, {"--max-new", "4"});
  REQUIRE(got.size() == 3);
  CHECK(got[0].at("id") == "free");
  CHECK(got[2].at("id") == "last");
  const Json& line = got[1];
  CHECK(line.at("id") == "choose");
  std::vector<double> expected;
  for (size_t i = 0; i < choices.size(); ++i) {
    // Behind a line's end, over which no token reaches.
    const Json before = scene.tokens("\n");
    Json target = scene.tokens("\n" + choices[i]);
    target.erase(target.begin(), target.begin() + static_cast<std::ptrdiff_t>(before.size()));
    target.push_back(TextModel::kEnd);
    expected.push_back(scene.log_likelihood(scene.tokens(kText), target));
    CHECK(line.at("log_likelihoods")[i].get<double>() == Approx(expected[i]).epsilon(1e-5));
    if (line.at("prediction") == choices[i]) CHECK(line.at("ids") == target);
  }
  const auto best = std::ranges::max_element(expected) - expected.begin();
  CHECK(line.at("prediction") == choices[static_cast<size_t>(best)]);

  // Its place among the others follows the likelihood, not the order.
  const Json turned = scene.generate(
      {{{"id", "choose"}, {"prompt", kText}, {"choices", {choices[2], choices[1], choices[0]}}}},
      {})[0];
  CHECK(turned.at("prediction") == line.at("prediction"));
  // --free passes them over.
  const std::vector<Json> free = scene.generate(prompts, {"--max-new", "4", "--free"});
  CHECK(free[1].at("ids") == free[0].at("ids"));
}
