#include "tests/engine/decoding/decoding_case.h"

#include "common/draws.h"

namespace rankscope::tests {

std::vector<GenerationCase> generation_cases() {
  std::vector<GenerationCase> cases;
  const Json file = read_json_file(RANKSCOPE_SOURCE_DIR "/tests/reference/goldens/generation.json");
  for (const Json& json : file.at("cases")) {
    GenerationCase& c = cases.emplace_back();
    json.at("model").get_to(c.model);
    json.at("prompt").get_to(c.prompt);
    json.at("max_new").get_to(c.settings.max_new);
    json.at("beams").get_to(c.settings.beams);
    json.at("length_penalty").get_to(c.settings.length_penalty);
    json.at("no_repeat_ngram").get_to(c.settings.no_repeat_ngram);
    json.at("end_ids").get_to(c.settings.end_ids);
    json.at("ids").get_to(c.ids);
    if (!json.at("score").is_null()) c.score = json.at("score").get<double>();
  }
  return cases;
}

std::vector<Prediction> predict(const Model& model,
                                const std::vector<std::vector<int32_t>>& prompts,
                                const DecodingSettings& settings, const GeneratorOptions& options) {
  std::vector<Prediction> predictions(prompts.size());
  generate(model, nullptr, prompts, settings, options,
           [&](size_t index, Prediction p) { predictions[index] = std::move(p); });
  return predictions;
}

std::vector<std::vector<int32_t>> drawn_prompts(size_t count, uint64_t longest,
                                                int64_t vocabulary) {
  const Draws draws(1, "test", "prompts");
  std::vector<std::vector<int32_t>> prompts(count);
  uint64_t next = 0;
  for (std::vector<int32_t>& prompt : prompts) {
    prompt.resize(1 + draws.below(next++, longest));
    for (int32_t& token : prompt)
      token = static_cast<int32_t>(draws.below(next++, static_cast<uint64_t>(vocabulary)));
  }
  return prompts;
}

std::vector<std::vector<int32_t>> related_prompts(size_t count, uint64_t longest,
                                                  int64_t vocabulary) {
  const Draws draws(1, "test", "beginnings");
  std::vector<std::vector<int32_t>> prompts = drawn_prompts(count, longest, vocabulary);
  for (size_t i = 1; i < prompts.size(); ++i) {
    const std::vector<int32_t>& before = prompts[i - 1];
    const size_t common = i % 5 == 0   ? 0
                          : i % 5 == 1 ? before.size()
                                       : draws.below(i, before.size() + 1);
    prompts[i].insert(prompts[i].begin(), before.begin(),
                      before.begin() + static_cast<std::ptrdiff_t>(common));
    prompts[i].resize(std::min<size_t>(prompts[i].size(), i % 3 == 0 ? common + 1 : longest));
  }
  return prompts;
}

}  // namespace rankscope::tests
