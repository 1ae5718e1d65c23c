#include "experiments/claims/claims_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/hash.h"
#include "common/text.h"
#include "engine/methods/method.h"
#include "experiments/claims/paper_claims.h"
#include "experiments/program_version.h"
#include "experiments/yaml/yaml_value.h"

namespace rankscope {

namespace {

constexpr double kLargestMargin = 1e6;
constexpr double kAlphaBelow = 0.5;
constexpr std::int64_t kLargestRank = 1 << 20;

YamlValue need(const YamlValue& map, const char* key) {
  std::optional<YamlValue> value = map.find(key);
  if (!value) map.fail(std::string("'") + key + "' is missing");
  return *value;
}

std::string text_or(const YamlValue& map, const char* key, const std::string& fallback) {
  const std::optional<YamlValue> value = map.find(key);
  return value ? value->text() : fallback;
}

Region region_of(const YamlValue& value) {
  const std::string word = value.choice({"above", "within", "not_below"});
  return word == "above" ? Region::kAbove : word == "within" ? Region::kWithin : Region::kNotBelow;
}

double margin_of(const YamlValue& value) {
  const double margin = value.number(0, kLargestMargin);
  if (margin <= 0) value.fail("must be above 0: a difference of any size would do else");
  return margin;
}

std::optional<std::int64_t> rank_of(const YamlValue& value) {
  if (value.is_scalar() && value.node().text == "largest") return std::nullopt;
  return value.integer(1, kLargestRank);
}

bool are_small_and_large(const std::vector<std::optional<std::int64_t>>& ranks) {
  return ranks.size() == 2 && ranks[0] && (!ranks[1] || *ranks[0] < *ranks[1]);
}

std::string method_of(const YamlValue& value) {
  Settings none;
  return std::string(value.checked([&] { return make_method(value.text(), none); })->name());
}

// As trials have them: in one order.
std::string targets_of(const YamlValue& value) {
  return value.checked([&] { return SiteSet::parse(value.text()); }).word();
}

GroupSelector selector_of(const YamlValue& map) {
  refuse_unknown_keys(map, {"method", "group", "targets", "rank", "share_below", "take"});
  GroupSelector selector;
  selector.method = method_of(need(map, "method"));
  selector.group = text_or(map, "group", "");
  if (const auto targets = map.find("targets")) selector.targets = targets_of(*targets);
  if (const auto rank = map.find("rank")) {
    selector.rank = rank_of(*rank);
    selector.largest_rank = !selector.rank;
  }
  if (const auto share = map.find("share_below")) selector.share_below = share->number(0, 1);
  if (const auto take = map.find("take")) {
    selector.take = take->choice({"most_parameters", "second_most_parameters"}) == "most_parameters"
                        ? GroupSelector::Take::kMostParameters
                        : GroupSelector::Take::kSecondMostParameters;
  }
  return selector;
}

struct Statistic {
  const char* name;
  std::vector<std::string> controls;    // that it is computed on
  std::vector<std::string> keys;        // of a claim, beside those that every claim has
  std::vector<std::string> quantities;  // empty: its contrasts have two sides
};

const std::vector<Statistic>& statistics() {
  static const std::vector<std::string> of_adapters = {"sites", "targets", "ranks", "seeds"};
  static const std::vector<Statistic> all = {
      {"score",
       {"base", "shuffled"},
       {"region", "reason", "margins", "equal", "examples", "seeds"},
       {}},
      {"shared_directions", {"random_adapters"}, of_adapters, {"top", "top_minus_others"}},
      {"shared_between_seeds",
       {"random_adapters"},
       of_adapters,
       {"first", "second", "first_minus_second", "first_less_shuffled", "second_less_shuffled"}},
      {"amplification",
       {"random_adapters"},
       of_adapters,
       {"weight_over_update", "update_over_random", "small_over_large",
        "relative_small_over_large"}},
      {"cost", {"shuffled"}, {"left", "right", "seeds"}, {"memory", "throughput", "checkpoint"}},
      {"latency",
       {"shuffled"},
       {"batch", "length", "share"},
       {"adapter_l", "adapter_h", "lora_merged", "lora"}}};
  return all;
}

const Statistic& statistic_of(const std::string& name) {
  return *std::ranges::find_if(statistics(), [&](const Statistic& s) { return s.name == name; });
}

class ClaimReader {
 public:
  explicit ClaimReader(const YamlValue& map) : map_(map) {}

  Claim read() {
    claim_.id = need(map_, "id").name();
    claim_.title = need(map_, "title").text();
    claim_.source = need(map_, "source").text();
    claim_.published = text_or(map_, "published", "");
    claim_.statistic = need(map_, "statistic")
                           .choice({"score", "shared_directions", "shared_between_seeds",
                                    "amplification", "cost", "latency"});
    std::vector<std::string> keys = {"id",        "title",   "source",   "published",
                                     "statistic", "control", "contrasts"};
    std::ranges::copy(statistic_of(claim_.statistic).keys, std::back_inserter(keys));
    refuse_unknown_keys(map_, keys);
    claim_.control = word_of_statistic(need(map_, "control"), &Statistic::controls);
    const bool scores = claim_.statistic == "score";
    // Of two seeds there is one pair, whose spread nothing tells.
    const std::int64_t fewest_seeds = claim_.statistic == "shared_between_seeds" ? 3 : 2;
    // A difference of scores is shown where one seed gives no verdict.
    claim_.seeds = scores ? 1 : fewest_seeds;
    if (const auto seeds = map_.find("seeds")) claim_.seeds = seeds->integer(fewest_seeds, 1000);
    if (scores) read_score_keys();
    if (claim_.statistic == "cost") {
      claim_.left = selector_of(need(map_, "left"));
      claim_.right = selector_of(need(map_, "right"));
    } else if (claim_.statistic == "latency") {
      read_latency_keys();
    } else if (!scores) {
      read_adapter_keys();
    }
    for (const YamlValue& contrast : need(map_, "contrasts").items())
      claim_.contrasts.push_back(scores ? score_contrast(contrast) : quantity_contrast(contrast));
    return claim_;
  }

 private:
  void read_score_keys() {
    region_ = region_of(need(map_, "region"));
    refuse_held_by_control(need(map_, "control"), region_, "control: base, or region: above");
    reason_ = need(map_, "reason").text();
    const YamlValue margins = need(map_, "margins");
    for (const YamlValue& margin : margins.entries())
      claim_.margins[margin.key()] = margin_of(margin);
    if (claim_.margins.empty())
      margins.fail("the map is empty; give a task and its margin, such as mnli: 0.8");
    if (const auto equal = map_.find("equal")) {
      equal->choice({"parameters"});
      claim_.equal_parameters = true;
    }
    if (const auto examples = map_.find("examples")) {
      examples->choice({"fewest"});
      claim_.fewest_examples = true;
    }
  }

  void read_adapter_keys() {
    claim_.targets = targets_of(need(map_, "targets"));
    for (const YamlValue& site : need(map_, "sites").items()) {
      const std::optional<SiteKind> kind = site_kind(site.text());
      if (!kind)
        site.fail("'" + printable(site.text()) + "' is no site; give Wq, Wk, Wv, Wo, W1, W2 or W3");
      if (!SiteSet::parse(claim_.targets).contains(*kind))
        site.fail("'targets' is " + claim_.targets + ", whose adapters have no " + site.text());
      claim_.sites.push_back(site.text());
    }
    for (const YamlValue& rank : need(map_, "ranks").items()) claim_.ranks.push_back(rank_of(rank));
    const bool between_seeds = claim_.statistic == "shared_between_seeds";
    if (between_seeds && claim_.sites.size() != 2) need(map_, "sites").fail("must be two sites");
    if (between_seeds && claim_.ranks.size() != 1) need(map_, "ranks").fail("must be one rank");
    if (!between_seeds && !are_small_and_large(claim_.ranks))
      need(map_, "ranks").fail("must be a small rank and a large one, such as [8, largest]");
  }

  void read_latency_keys() {
    if (const auto batch = map_.find("batch")) claim_.batch = batch->integer(1, kLargestRank);
    const YamlValue length = need(map_, "length");
    if (!length.is_scalar() || length.node().text != "shortest")
      claim_.length = length.integer(1, kLargestRank);
    claim_.share = need(map_, "share").number(0, 1);
    if (claim_.share <= 0) need(map_, "share").fail("must be above 0");
  }

  // One of those that the claim's statistic has.
  std::string word_of_statistic(const YamlValue& value,
                                std::vector<std::string> Statistic::*words) const {
    const std::vector<std::string>& known = statistic_of(claim_.statistic).*words;
    const std::string word = value.text();
    if (std::ranges::find(known, word) == known.end())
      value.fail(fmt::format("the statistic {} has {}, not '{}'", claim_.statistic,
                             fmt::join(known, ", "), printable(word)));
    return word;
  }

  ClaimContrast score_contrast(const YamlValue& map) const {
    refuse_unknown_keys(map, {"left", "right"});
    ClaimContrast contrast;
    contrast.left = selector_of(need(map, "left"));
    contrast.right = selector_of(need(map, "right"));
    contrast.region = region_;
    contrast.reason = reason_;
    return contrast;
  }

  ClaimContrast quantity_contrast(const YamlValue& map) const {
    refuse_unknown_keys(map, {"quantity", "region", "margin", "reason"});
    ClaimContrast contrast;
    contrast.quantity = word_of_statistic(need(map, "quantity"), &Statistic::quantities);
    const YamlValue region = need(map, "region");
    contrast.region = region_of(region);
    if (claim_.statistic != "latency" || contrast.region != Region::kWithin)
      refuse_held_by_control(region, contrast.region, "region: above");
    else if (contrast.quantity == "lora")
      region.fail("the control of 'within' is lora itself; give region: above");
    if (contrast.quantity == "top_minus_others" && claim_.ranks.front() == 1)
      need(map, "quantity")
          .fail(
              "an adapter of rank 1 has no other directions; give 'ranks' a small rank of 2 at "
              "least, or quantity: top");
    contrast.margin = margin_of(need(map, "margin"));
    contrast.reason = need(map, "reason").text();
    return contrast;
  }

  // What is dealt out anew differs by about 0, which lies outside of `above` alone.
  void refuse_held_by_control(const YamlValue& at, Region region, const char* instead) const {
    if (claim_.control == "shuffled" && region != Region::kAbove)
      at.fail(std::string("the control 'shuffled' leaves a difference of about 0, which lies in "
                          "the claim's region too, and there the claim must not hold; give ") +
              instead);
  }

  const YamlValue& map_;
  Claim claim_;
  Region region_ = Region::kAbove;
  std::string reason_;
};

}  // namespace

ClaimsFile parse_claims(std::string_view text, const std::string& where) {
  const YamlNode node = parse_yaml(text, where);
  const YamlValue root(node, "");
  refuse_unknown_keys(root, {"alpha", "claims"});
  ClaimsFile file;
  file.hash = sha256_hex(text);
  if (const auto alpha = root.find("alpha")) {
    file.alpha = alpha->number(0, kAlphaBelow);
    if (file.alpha <= 0 || file.alpha >= kAlphaBelow)
      alpha->fail("must be above 0 and below 0.5: the share of wrong verdicts that may be");
  }
  std::set<std::string> ids;
  for (const YamlValue& claim : need(root, "claims").items()) {
    file.claims.push_back(ClaimReader(claim).read());
    if (!ids.insert(file.claims.back().id).second) claim.fail("another claim has this id");
  }
  return file;
}

ClaimsFile read_claims(const std::string& path) {
  if (!path.empty()) {
    ClaimsFile given =
        parse_claims(read_text_file(path, YamlLimits{}.max_bytes), printable(path, 300));
    given.name = printable(std::filesystem::path(path).filename().string());
    return given;
  }
  ClaimsFile file = parse_claims(paper_claims(), "claims.yaml");
  file.changed = claims_changed();
  return file;
}

}  // namespace rankscope
