#include "experiments/latency/latency_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/methods/bottleneck.h"
#include "engine/methods/lora_settings.h"
#include "engine/methods/method.h"
#include "experiments/limits.h"
#include "experiments/sweep/sweep_keys.h"
#include "experiments/yaml/yaml_value.h"

namespace rankscope {

namespace {

constexpr std::int64_t kMostBatch = 1 << 16, kMostLength = 1 << 20, kMostTokensInAPass = 1 << 21;
constexpr std::int64_t kMostTimedTokens = std::int64_t{1} << 40;
constexpr std::int64_t kMostRounds = 100'000;

void read_numbers(const YamlValue& section, const char* key, std::int64_t most,
                  std::vector<std::int64_t>& into) {
  const std::optional<YamlValue> list = section.find(key);
  if (!list) return;
  into.clear();
  for (const YamlValue& item : list->one_or_more()) {
    const std::int64_t number = item.integer(1, most);
    if (std::ranges::find(into, number) != into.end()) item.fail("is given twice");
    into.push_back(number);
  }
}

void require_fit(const YamlValue& section, const LatencySettings& settings,
                 const ModelShape& shape) {
  const YamlValue length = *section.find("length");
  const std::int64_t longest = std::ranges::max(settings.lengths);
  if (longest > shape.config.context)
    length.fail(fmt::format("{} tokens are more than the base's context, {}", longest,
                            shape.config.context));
  if (longest * std::ranges::max(settings.batches) > kMostTokensInAPass)
    length.fail(fmt::format("times 'batch' a pass has more than {} tokens", kMostTokensInAPass));
  const YamlValue targets = section.find("targets").value_or(section);
  targets.checked([&] {
    for (const LatencyVariant& variant : latency_variants(settings)) {
      Settings given(variant.settings);
      make_method(variant.method, given)->trainable_parameters(shape);
    }
  });
}

}  // namespace

std::int64_t LatencySettings::rounds_of(std::int64_t batch, std::int64_t length) const {
  if (tokens == 0) return rounds;
  return std::min(rounds, std::max(kFewestRounds, tokens / (batch * length)));
}

std::vector<LatencyVariant> latency_variants(const LatencySettings& settings) {
  const std::map<std::string, std::string> lora = {{"rank", std::to_string(settings.rank)},
                                                   {"targets", settings.targets}};
  std::vector<LatencyVariant> all = {
      {.name = "base", .method = "none"},
      {.name = "lora_merged", .method = "lora", .settings = lora, .merged = true},
      {.name = "lora", .method = "lora", .settings = lora}};
  for (const char* method : {"adapter_l", "adapter_h"})
    for (const std::int64_t bottleneck : settings.bottlenecks)
      all.push_back({.name = method,
                     .method = method,
                     .settings = {{"bottleneck", std::to_string(bottleneck)}},
                     .bottleneck = bottleneck});
  return all;
}

LatencySettings read_latency(const YamlValue& section, const ModelShape& shape) {
  refuse_unknown_keys(section, sweep_keys("latency"));
  LatencySettings settings;
  read_numbers(section, "batch", kMostBatch, settings.batches);
  read_numbers(section, "length", kMostLength, settings.lengths);
  read_numbers(section, "bottleneck", kMaxBottleneck, settings.bottlenecks);
  if (settings.lengths.empty()) section.fail("'length' is missing: the tokens of a sequence");
  if (settings.bottlenecks.empty()) section.fail("'bottleneck' is missing: the widths of adapters");
  if (const auto rank = section.find("rank")) settings.rank = rank->integer(1, kMaxRank);
  if (const auto targets = section.find("targets"))
    settings.targets = targets->setting(settings.targets, '+');
  if (const auto rounds = section.find("rounds"))
    settings.rounds = rounds->integer(LatencySettings::kFewestRounds, kMostRounds);
  if (const auto tokens = section.find("tokens"))
    settings.tokens = tokens->integer(0, kMostTimedTokens);
  if (const auto threads = section.find("threads"))
    settings.threads = static_cast<int>(threads->integer(1, kMostThreads));
  require_fit(section, settings, shape);
  return settings;
}

OrderedJson latency_json(const LatencySettings& settings) {
  return {{"batches", settings.batches},         {"lengths", settings.lengths},
          {"bottlenecks", settings.bottlenecks}, {"rank", settings.rank},
          {"targets", settings.targets},         {"rounds", settings.rounds},
          {"tokens", settings.tokens},           {"threads", settings.threads},
          {"device", settings.device},           {"precision", settings.precision}};
}

LatencySettings latency_from_json(const Json& json, const std::string& where) {
  JsonObject object(json, where);
  LatencySettings settings;
  settings.batches = object.get_int_array("batches");
  settings.lengths = object.get_int_array("lengths");
  settings.bottlenecks = object.get_int_array("bottlenecks");
  settings.rank = object.get_int("rank", 1, kMaxRank);
  settings.targets = object.get_string("targets");
  settings.rounds = object.get_int("rounds", 1, kMostRounds);
  settings.tokens = object.get_int("tokens", 0);
  settings.threads = static_cast<int>(object.get_int("threads", 1, kMostThreads));
  settings.device = object.get_string("device");
  settings.precision = object.get_string("precision");
  object.finish();
  return settings;
}

}  // namespace rankscope
