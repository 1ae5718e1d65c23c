#include "engine/methods/lora_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/draws.h"
#include "common/error.h"
#include "common/text.h"
#include "engine/methods/low_rank.h"

namespace rankscope {
namespace {

constexpr int64_t kMaxLayer = 1'000'000;

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// A whole number from 0 to `high`, or -1.
int64_t whole_number(std::string_view text, int64_t high) {
  int64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool good = error == std::errc() && rest == text.data() + text.size();
  return good && value >= 0 && value <= high ? value : -1;
}

std::vector<std::pair<int64_t, int64_t>> read_layers(const std::string& text) {
  std::vector<std::pair<int64_t, int64_t>> ranges;
  if (text == "all") return ranges;
  for (std::string_view part : split(text, '+')) {
    const std::vector<std::string_view> ends = split(part, '-');
    const int64_t first = whole_number(ends.front(), kMaxLayer);
    const int64_t last = whole_number(ends.back(), kMaxLayer);
    const bool rising = ranges.empty() || first > ranges.back().second;
    if (ends.size() > 2 || first < 0 || last < first || !rising) {
      throw SettingError("layers", text,
                         "layers must be 'all' or rising numbers and ranges from 0, as 0-5+8");
    }
    // One set of layers has one text.
    if (!ranges.empty() && first == ranges.back().second + 1)
      ranges.back().second = last;
    else
      ranges.emplace_back(first, last);
  }
  return ranges;
}

std::string layers_text(const std::vector<std::pair<int64_t, int64_t>>& ranges) {
  if (ranges.empty()) return "all";
  std::string text;
  for (const auto& [first, last] : ranges) {
    if (!text.empty()) text += '+';
    text += std::to_string(first);
    if (last != first) text += '-' + std::to_string(last);
  }
  return text;
}

std::map<SiteKind, int64_t> read_ranks(const std::string& text, const SiteSet& targets) {
  std::map<SiteKind, int64_t> ranks;
  if (text.empty()) return ranks;
  for (std::string_view part : split(text, ',')) {
    const size_t colon = part.find(':');
    const auto kind = site_kind(part.substr(0, colon));
    const int64_t rank =
        colon == std::string_view::npos ? -1 : whole_number(part.substr(colon + 1), kMaxRank);
    if (!kind || rank < 0 || !targets.contains(*kind) || !ranks.emplace(*kind, rank).second) {
      throw SettingError("ranks", text,
                         "ranks must give sites of 'targets' a rank, each once, as Wq:4,Wv:8");
    }
  }
  return ranks;
}

std::string ranks_text(const std::map<SiteKind, int64_t>& ranks) {
  std::string text;
  for (const auto& [kind, rank] : ranks)
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", site_name(kind), rank);
  return text;
}

// The rank is part of the key: else two ranks at one seed would share their first rows, and their
// subspaces would agree before any training.
void draw(std::span<float> values, LoraInit init, const std::string& name, int64_t rank,
          int64_t d_in, uint64_t init_seed) {
  const Draws draws(init_seed, "init", name + ".r" + std::to_string(rank));
  if (init == LoraInit::kGaussian) {
    draws.fill_normal(values);
    const float deviation = 1.0f / static_cast<float>(rank);
    for (float& value : values) value *= deviation;
    return;
  }
  draws.fill_uniform(values);
  const float bound = 1.0f / std::sqrt(static_cast<float>(d_in));
  for (float& value : values) value = (2.0f * value - 1.0f) * bound;
}

// In the order of LoraInit.
constexpr std::string_view kInits[] = {"kaiming", "gaussian", "pissa"};
static_assert(static_cast<size_t>(LoraInit::kPissa) + 1 == std::size(kInits));

bool has_layer(const LoraSettings& settings, int64_t layer) {
  if (settings.layers.empty()) return true;
  for (const auto& [first, last] : settings.layers) {
    if (layer >= first && layer <= last) return true;
  }
  return false;
}

}  // namespace

LoraSettings LoraSettings::read(Settings& settings) {
  LoraSettings read;
  read.rank = settings.integer("rank", 8, 1, kMaxRank);
  const bool has_alpha = settings.has("alpha");
  const double alpha = settings.number("alpha", static_cast<double>(read.rank), 1e-6, 1e9);
  if (has_alpha) read.alpha = alpha;
  read.rslora = settings.flag("rslora", false);
  read.dropout = settings.number("dropout", 0.0, 0.0, 0.999);
  const std::string targets = settings.text("targets", "Wq+Wv");
  try {
    read.targets = SiteSet::parse(targets);
  } catch (const InputError& error) {
    throw SettingError("targets", targets, error.what());
  }
  read.layers = read_layers(settings.text("layers", "all"));
  read.ranks = read_ranks(settings.text("ranks", ""), read.targets);
  read.rate_ratio = settings.number("lr_ratio", 1.0, 1e-6, 1e6);
  const std::string init = settings.choice("init", std::string(kInits[0]), kInits);
  read.init = static_cast<LoraInit>(std::ranges::find(kInits, init) - std::begin(kInits));
  return read;
}

std::map<std::string, std::string> LoraSettings::canonical() const {
  std::map<std::string, std::string> all = {
      {"rslora", rslora ? "true" : "false"},
      {"dropout", fmt::format("{}", dropout)},
      {"targets", targets.word()},
      {"layers", layers_text(layers)},
      {"ranks", ranks_text(ranks)},
      {"lr_ratio", fmt::format("{}", rate_ratio)},
      {"init", std::string(kInits[static_cast<size_t>(init)])}};
  if (ranks.size() < targets.kinds().size()) all["rank"] = std::to_string(rank);
  if (alpha || ranks.empty()) all["alpha"] = fmt::format("{}", alpha_of(rank));
  return all;
}

std::vector<RankedSite> LoraSettings::sites(const ModelShape& shape) const {
  const int64_t depth = shape.config.layers;
  if (!layers.empty() && layers.back().second >= depth) {
    throw SettingError("layers", layers_text(layers),
                       fmt::format("the model has {} layers, numbered from 0", depth));
  }
  const bool everywhere = targets.kinds().size() == kSiteKinds;
  for (SiteKind kind : targets.kinds()) {
    if (!shape.has_site_kind(kind) && !everywhere) {
      throw SettingError(
          "targets", targets.word(),
          fmt::format("a {} model has no {}; leave it out", shape.config.family, site_name(kind)));
    }
  }
  std::vector<RankedSite> found;
  for (const SiteSpec& spec : shape.sites) {
    const int64_t r = rank_of(spec.site.kind), most = std::min(spec.in, spec.out);
    if (r == 0 || !has_layer(*this, spec.site.layer)) continue;
    if (init == LoraInit::kPissa && r > most) {
      const bool of_kind = ranks.contains(spec.site.kind);
      throw SettingError(
          of_kind ? "ranks" : "rank", of_kind ? ranks_text(ranks) : std::to_string(r),
          fmt::format("{} has {} singular values, and init=pissa needs one for each rank; lower it",
                      spec.site.name(), most));
    }
    found.push_back({&spec, r});
  }
  if (found.empty()) {
    throw SettingError("ranks", ranks_text(ranks),
                       "no site is left to adapt; give one a rank above 0");
  }
  return found;
}

TrainingReach LoraSettings::reach(const ModelShape& shape) const {
  TrainingReach reach{.lowest_layer = static_cast<int>(shape.config.layers)};
  reach.rewrites_sites = init == LoraInit::kPissa;
  for (const auto& [spec, r] : sites(shape)) {
    reach.lowest_layer = std::min(reach.lowest_layer, spec->site.layer);
    reach.sites.insert(spec->site.kind);
    if (spec->site.layer == reach.lowest_layer) reach.floats_per_token += r;  // layers are alike
  }
  return reach;
}

std::vector<std::string> LoraSettings::places(const ModelShape& shape) const {
  std::vector<std::string> names;
  for (const auto& [spec, r] : sites(shape)) names.push_back(spec->site.name());
  return names;
}

int64_t LoraSettings::rank_of(SiteKind kind) const {
  if (!targets.contains(kind)) return 0;
  const auto found = ranks.find(kind);
  return found == ranks.end() ? rank : found->second;
}

double LoraSettings::alpha_of(int64_t r) const { return alpha.value_or(static_cast<double>(r)); }

double LoraSettings::scale_of(int64_t r, int64_t first) const {
  const auto divisor = static_cast<double>(first);
  return alpha_of(r) / (rslora ? std::sqrt(divisor) : divisor);
}

std::vector<float> initial_lora_a(const LoraSettings& settings, Site site, int64_t rank,
                                  int64_t d_in, uint64_t init_seed) {
  std::vector<float> values(static_cast<size_t>(rank * d_in));
  draw(values, settings.init, LowRankAdaptation::a_name(site), rank, d_in, init_seed);
  return values;
}

}  // namespace rankscope
