// What a prediction or a ranking yields does not depend on what it shares a batch with.
#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>
#include <set>

#include "common/draws.h"
#include "common/error.h"
#include "common/interrupt.h"
#include "engine/decoding/ranking.h"
#include "engine/decoding/segments.h"
#include "engine/training/trainer.h"
#include "tests/engine/decoding/decoding_case.h"
#include "tests/engine/goldens/golden_case.h"

namespace rankscope::tests {
namespace {

bool same(const Prediction& a, const Prediction& b) {
  return a.ids == b.ids && a.ended == b.ended && a.score == b.score;
}

// That the predictions are the expected ones whatever the options.
void check_in_flight(const Model& model, const std::vector<std::vector<int32_t>>& prompts,
                     const DecodingSettings& settings, const std::vector<Prediction>& expected,
                     const std::vector<int64_t>& all_in_flight,
                     const std::vector<int64_t>& all_at_once) {
  for (const int64_t in_flight : all_in_flight) {
    for (const int64_t at_once : all_at_once) {
      INFO(in_flight << " in flight, " << at_once << " prompt tokens at once");
      const auto got = predict(model, prompts, settings, {in_flight, at_once});
      for (size_t i = 0; i < prompts.size(); ++i) CHECK(same(got[i], expected[i]));
    }
  }
}

TEST_CASE("decoding: batch size, order, neighbours and threads change no prediction") {
  for (const char* name : {"gpt2_tied", "llama_gqa"}) {
    const auto one_thread = make_cpu_backend(1), four_threads = make_cpu_backend(4);
    const auto alone_model = GoldenCase(name).load(*one_thread);
    const auto model = GoldenCase(name).load(*four_threads);
    const auto prompts = drawn_prompts(40, 36, model->config().vocabulary);
    for (const int64_t beams : {1, 3}) {
      DecodingSettings settings;
      settings.max_new = 24;
      settings.beams = beams;
      settings.no_repeat_ngram = 3;
      // Ids that some of the predictions hold, so that they end at different steps.
      settings.end_ids = predict(*model, {prompts[0], prompts[1]}, settings)[0].ids;
      settings.end_ids.resize(2);
      const auto expected = predict(*alone_model, prompts, settings, {1, 1});
      REQUIRE(std::ranges::any_of(expected, [](const Prediction& p) { return p.ended; }));
      REQUIRE(std::ranges::any_of(expected, [](const Prediction& p) { return !p.ended; }));
      INFO(name << ", beams " << beams);
      check_in_flight(*model, prompts, settings, expected, {1, 3, 32}, {1, 50, 1024});
      // Another order: every prompt meets other neighbours.
      std::vector<std::vector<int32_t>> shuffled(prompts.size());
      for (size_t i = 0; i < prompts.size(); ++i) shuffled[i * 7 % prompts.size()] = prompts[i];
      const auto got = predict(*model, shuffled, settings, {5, 64});
      for (size_t i = 0; i < prompts.size(); ++i)
        CHECK(same(got[i * 7 % prompts.size()], expected[i]));
    }
  }
}

TEST_CASE("decoding: what prompts begin with in common changes no prediction") {
  for (const char* name : {"gpt2_tied", "llama_gqa"}) {
    const auto backend = make_cpu_backend(2);
    const auto model = GoldenCase(name).load(*backend);
    const auto prompts = related_prompts(60, 48, model->config().vocabulary);
    for (const int64_t beams : {1, 3}) {
      DecodingSettings settings;
      settings.max_new = 12;
      settings.beams = beams;
      settings.end_ids = {3, 7, 11};
      const auto expected = predict(*model, prompts, settings, {1, 1});
      INFO(name << ", beams " << beams);
      check_in_flight(*model, prompts, settings, expected, {2, 4, 32}, {30, 300, 4096});
    }
  }
}

TEST_CASE("decoding: sequences that begin alike are computed and kept once") {
  const auto backend = make_cpu_backend(2);
  const auto model = GoldenCase("llama_gqa").load(*backend);
  const int64_t vocabulary = model->config().vocabulary;
  std::vector<std::vector<int32_t>> prompts(4, drawn_prompts(1, 1, vocabulary)[0]);
  for (size_t i = 0; i < prompts.size(); ++i) {
    for (int32_t t = 0; t < 36; ++t) prompts[i].push_back(t);
    prompts[i].push_back(static_cast<int32_t>(40 + i));
  }
  prompts[3][20] = 50;  // after a page and a bit
  KvCache cache(model->config(), *backend, 32);
  std::vector<CachedSequence> kept(prompts.size());
  std::vector<Segment> segments;
  for (size_t i = 0; i < prompts.size(); ++i) segments.push_back({&kept[i], prompts[i], 1});
  const Tensor together = run_segments(*model, nullptr, cache, segments);
  CHECK(cache.free_pages() == 32 - (3 + 1 + 1 + 2));
  CHECK(kept[2].pages[1] == kept[0].pages[1]);
  CHECK(kept[3].pages[0] == kept[0].pages[0]);
  CHECK(kept[3].pages[1] != kept[0].pages[1]);
  for (size_t i = 0; i < prompts.size(); ++i) {
    KvCache own(model->config(), *backend, 4);
    CachedSequence alone;
    const Segment segment{&alone, prompts[i], 1};
    const Tensor hidden = run_segments(*model, nullptr, own, {&segment, 1});
    CHECK(std::ranges::equal(std::span(hidden.matrix().row(0), static_cast<size_t>(hidden.cols())),
                             std::span(together.matrix().row(static_cast<int64_t>(i)),
                                       static_cast<size_t>(hidden.cols()))));
  }
  for (CachedSequence& sequence : kept) cache.release(sequence);
  CHECK(cache.free_pages() == 32);
}

TEST_CASE(
    "decoding: a failure or a stop on one thread ends it on all, and each prompt is handed over "
    "once") {
  const auto backend = make_cpu_backend(4);
  const auto model = GoldenCase("llama_gqa").load(*backend);
  const auto prompts = drawn_prompts(200, 20, model->config().vocabulary);
  DecodingSettings settings;
  settings.max_new = 16;
  const GeneratorOptions options{.in_flight = 32};
  std::vector<int> handed(prompts.size());
  size_t count = 0;  // no two at a time
  const auto take = [&](size_t index, Prediction) { ++handed[index], ++count; };
  generate(*model, nullptr, prompts, settings, options, take);
  CHECK(count == prompts.size());
  CHECK(std::ranges::all_of(handed, [](int times) { return times == 1; }));

  count = 0;
  CHECK_THROWS_AS(generate(*model, nullptr, prompts, settings, options,
                           [&](size_t, Prediction) {
                             if (++count == 40) throw MachineError("disk full");
                           }),
                  MachineError);
  CHECK(count == 40);

  count = 0;
  clear_stop_request();
  CHECK_THROWS_AS(generate(*model, nullptr, prompts, settings, options,
                           [&](size_t, Prediction) {
                             if (++count == 40) request_stop();
                           }),
                  Interrupted);
  clear_stop_request();
  CHECK(count < 40 + static_cast<size_t>(options.in_flight));  // what the steps under way finished
}

TEST_CASE("decoding: threads continue no more prompts together than are to be in flight") {
  const auto backend = make_cpu_backend(4);
  const auto model = GoldenCase("llama_gqa").load(*backend);
  const auto prompts = drawn_prompts(40, 20, model->config().vocabulary);
  DecodingSettings settings;
  settings.max_new = 16;
  settings.beams = 16;
  for (int32_t id = 0; id < 400; ++id) settings.end_ids.push_back(id);
  // One after the other they end in their order, however long each becomes.
  std::vector<size_t> ended;
  std::set<size_t> lengths;
  generate(*model, nullptr, prompts, settings, {.in_flight = 1}, [&](size_t index, Prediction p) {
    ended.push_back(index);
    lengths.insert(p.ids.size());
  });
  REQUIRE(ended.size() == prompts.size());
  CHECK(lengths.size() > 1);
  CHECK(std::ranges::is_sorted(ended));
}

std::vector<std::vector<double>> rank(const Model& model, const std::vector<RankedPrompt>& prompts,
                                      int64_t at_once) {
  std::vector<std::vector<double>> all(prompts.size());
  rank_choices(model, nullptr, prompts, at_once, [&](size_t index, std::span<const double> values) {
    all[index].assign(values.begin(), values.end());
  });
  return all;
}

TEST_CASE("decoding: a ranking is the likelihood of each whole text, whatever the batch") {
  for (const char* name : {"gpt2_untied", "llama_gqa"}) {
    const auto backend = make_cpu_backend(2);
    const auto model = GoldenCase(name).load(*backend);
    std::vector<RankedPrompt> prompts;
    const auto drawn = drawn_prompts(60, 30, model->config().vocabulary);
    const auto related = related_prompts(20, 30, model->config().vocabulary);
    for (size_t i = 0; i < 20; ++i) {
      RankedPrompt& prompt = prompts.emplace_back();
      prompt.prompt = related[i];
      prompt.choices = {drawn[20 + i], drawn[40 + i], {drawn[i][0]}};
    }
    const auto expected = rank(*model, prompts, 1);
    for (const int64_t at_once : {100, 4096}) CHECK(rank(*model, prompts, at_once) == expected);
    for (size_t i = 0; i < prompts.size(); ++i) {
      for (size_t k = 0; k < 3; ++k) {
        INFO(name << ", prompt " << i << ", choice " << k);
        const std::vector<TokenExample> whole = {{prompts[i].prompt, prompts[i].choices[k]}};
        CHECK(-expected[i][k] ==
              Approx(evaluate(*model, nullptr, whole, 1024).nll[0]).epsilon(1e-5));
      }
    }
  }
}

}  // namespace
}  // namespace rankscope::tests
