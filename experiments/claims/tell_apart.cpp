#include "experiments/claims/tell_apart.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "common/error.h"
#include "engine/methods/method.h"
#include "experiments/sweep/sweep_keys.h"
#include "experiments/training_settings.h"
#include "results/findings.h"

namespace rankscope {

namespace {

constexpr std::string_view kSettings = "settings.";
constexpr const char* kRate = "settings.lr";  // a setting whose rate is searched for has none

std::string name_of(const std::string& key) {
  return key.starts_with(kSettings) ? key.substr(kSettings.size()) : key;
}

// Rank and size have columns of their own.
bool has_column(const std::string& key) {
  if (!key.starts_with(kSettings)) return false;
  const std::string name = name_of(key);
  return name == "rank" || name == "targets" ||
         std::ranges::find(kSizeKeys, name) != kSizeKeys.end();
}

// What makes of LoRA another method than the plain one wherever it stands: settings of other
// matrices would else be taken to differ in their matrices alone. An alpha does not: the paper
// holds one over all ranks, where it is no rank's default.
bool is_always_named(const std::string& key) {
  static constexpr std::array<std::string_view, 5> kNames{"dropout", "init", "layers", "lr_ratio",
                                                          "rslora"};
  return key.starts_with(kSettings) && std::ranges::find(kNames, name_of(key)) != kNames.end();
}

// What the settings are that a sweep file leaves out, some of which follow from the rank. Nothing
// of a method that this version of the program does not know.
SettingValues defaults_of(const EvidenceGroup& group) {
  SettingValues all = {{"keep", "last"}};
  for (const auto& [key, value] : training_settings()) all[std::string(kSettings) + key] = value;
  try {
    std::map<std::string, std::string> given;
    if (group.rank && method_settings(group.method).contains("rank"))
      given["rank"] = std::to_string(*group.rank);
    Settings settings(std::move(given));
    for (const auto& [key, value] : make_method(group.method, settings)->settings())
      all[std::string(kSettings) + key] = value;
  } catch (const InputError&) {
  }
  return all;
}

// Settings of one task, method and targets: what differs between them but their size.
class Family {
 public:
  explicit Family(std::vector<EvidenceGroup*> groups) : groups_(std::move(groups)) {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      const EvidenceGroup& group = *groups_[i];
      labels_[group.label].push_back(i);
      values_.push_back(group.values);
      defaults_.push_back(defaults_of(group));
    }
    settle_rates();
  }

  void name() const {
    std::set<std::string> keys;
    for (const SettingValues& values : values_)
      for (const auto& [key, value] : values)
        if (!has_column(key)) keys.insert(key);
    for (const std::string& key : keys)
      if (const bool told = tells(key); told || is_always_named(key)) append(key, told);
    add_labels();
  }

 private:
  using Size = std::pair<std::optional<std::int64_t>, std::string>;
  using Values = std::set<std::string>;
  static Size size_of(const EvidenceGroup& group) { return {group.rank, group.size}; }

  // What a search found is its setting's own and is not named. A given rate is, the default too,
  // beside another one that was given or found.
  void settle_rates() {
    std::set<double> rates;
    bool searched = false;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (groups_[i]->rate) rates.insert(*groups_[i]->rate);
      searched = searched || !values_[i].contains(kRate);
    }
    if (rates.size() < 2)
      for (SettingValues& values : values_) values.erase(kRate);
    else if (searched)
      for (SettingValues& defaults : defaults_) defaults.erase(kRate);
  }

  std::string value_of(std::size_t i, const std::string& key) const {
    const auto found = values_[i].find(key);
    return found == values_[i].end() ? std::string() : found->second;
  }

  // Whether a group of the sweep file has what it has by default, in all its settings.
  bool is_default(const std::vector<std::size_t>& of_label, const std::string& key) const {
    return std::ranges::all_of(of_label, [&](std::size_t i) {
      const auto found = defaults_[i].find(key);
      return found != defaults_[i].end() && found->second == value_of(i, key);
    });
  }

  // Whether it has one value for each size, and several in all: rates chosen rank by rank.
  bool follows_from_size(const std::vector<std::size_t>& of_label, const std::string& key) const {
    std::map<Size, Values> of_size;
    Values all;
    for (const std::size_t i : of_label) {
      of_size[size_of(*groups_[i])].insert(value_of(i, key));
      all.insert(value_of(i, key));
    }
    return all.size() > 1 &&
           std::ranges::all_of(of_size, [](const auto& size) { return size.second.size() == 1; });
  }

  // Whether two settings of one size differ in it, or two groups of the sweep file, each by itself.
  bool tells(const std::string& key) const {
    std::map<Size, Values> of_size;
    for (std::size_t i = 0; i < groups_.size(); ++i)
      of_size[size_of(*groups_[i])].insert(value_of(i, key));
    if (std::ranges::any_of(of_size, [](const auto& size) { return size.second.size() > 1; }))
      return true;
    std::set<Values> choices;  // of the groups; none where they follow from the size
    for (const auto& [label, of_label] : labels_) {
      Values values;
      if (!is_default(of_label, key) && !follows_from_size(of_label, key))
        for (const std::size_t i : of_label) values.insert(value_of(i, key));
      choices.insert(std::move(values));
    }
    return choices.size() > 1;
  }

  VariantKind kind_of(std::size_t i, const std::string& key) const {
    if (key == kRate || is_default({i}, key)) return VariantKind::kPlain;
    return is_always_named(key) ? VariantKind::kOtherMethod : VariantKind::kOtherSettings;
  }

  static void append_to(std::string& text, const std::string& part) {
    text += (text.empty() ? "" : ", ") + part;
  }

  // `told`: beside the defaults of others of their groups, which then are named too.
  void append(const std::string& key, bool told) const {
    for (const auto& [label, of_label] : labels_) {
      if (is_default(of_label, key)) continue;
      const bool of_variant = !follows_from_size(of_label, key);
      for (const std::size_t i : of_label) {
        const std::string value = value_of(i, key);
        if (value.empty() || (!told && is_default({i}, key))) continue;
        const std::string part = value == "true" ? name_of(key) : name_of(key) + " " + value;
        append_to(groups_[i]->others, part);
        if (!of_variant) continue;
        append_to(groups_[i]->variant, part);
        groups_[i]->variant_kind = std::max(groups_[i]->variant_kind, kind_of(i, key));
      }
    }
  }

  // Two settings of one size and variant would be one point of one line: then all settings of their
  // groups are named by these, or where they are of one group, by their hashes.
  void add_labels() const {
    std::map<std::pair<Size, std::string>, std::vector<std::size_t>> alike;
    for (std::size_t i = 0; i < groups_.size(); ++i)
      alike[{size_of(*groups_[i]), groups_[i]->variant}].push_back(i);
    std::set<std::string> ambiguous, doubled;
    for (const auto& [key, of_key] : alike) {
      std::map<std::string, int> uses;
      if (of_key.size() > 1)
        for (const std::size_t i : of_key) ++uses[groups_[i]->label];
      for (const auto& [label, count] : uses) (count > 1 ? doubled : ambiguous).insert(label);
    }
    for (EvidenceGroup* group : groups_) {
      std::string part;
      if (doubled.contains(group->label))
        part = "setting " + group->setting.substr(0, 8);
      else if (ambiguous.contains(group->label))
        part = "group " + group->label;
      else
        continue;
      append_to(group->others, part);
      append_to(group->variant, part);
    }
  }

  std::vector<EvidenceGroup*> groups_;
  std::map<std::string, std::vector<std::size_t>> labels_;  // places in groups_
  std::vector<SettingValues> values_, defaults_;
};

}  // namespace

void tell_apart(std::vector<EvidenceGroup>& groups) {
  std::map<std::tuple<std::string, std::string, std::string, bool>, std::vector<EvidenceGroup*>>
      families;
  for (EvidenceGroup& group : groups)
    families[{group.task, group.method, group.targets, group.shuffled_targets}].push_back(&group);
  for (auto& [key, members] : families) Family(std::move(members)).name();
}

void name_controls(std::vector<EvidenceGroup>& groups) {
  // `with_seeds`: with a start and an order of data of its own.
  const auto values = [](const EvidenceGroup& group, bool with_seeds) {
    SettingValues all = group.values;
    if (!with_seeds)
      for (const char* key : {"init_seed", "data_seed"}) all.erase(key);
    return all;
  };
  const auto place = [](const EvidenceGroup& group) {
    return std::tie(group.task, group.method, group.targets, group.rank, group.size);
  };
  std::set<const EvidenceGroup*> named, repeated;
  // Alike in all first, then where the control, then where the setting has seeds that the other
  // lacks.
  for (const auto& own_seeds :
       {std::pair(true, true), std::pair(true, false), std::pair(false, true)}) {
    for (EvidenceGroup& control : groups) {
      if (!control.shuffled_targets || named.contains(&control)) continue;
      const auto setting = std::ranges::find_if(groups, [&](const EvidenceGroup& group) {
        return !group.shuffled_targets && !repeated.contains(&group) &&
               place(group) == place(control) &&
               values(group, own_seeds.first) == values(control, own_seeds.second);
      });
      if (setting == groups.end()) continue;
      control.others = setting->others;
      control.variant = setting->variant;
      control.variant_kind = setting->variant_kind;
      named.insert(&control);
      repeated.insert(&*setting);
    }
  }
  for (EvidenceGroup& control : groups) {
    if (!control.shuffled_targets || named.contains(&control)) continue;
    for (std::string* name : {&control.others, &control.variant})
      *name += std::string(name->empty() ? "" : ", ") + "repeats no setting";
  }
}

}  // namespace rankscope
