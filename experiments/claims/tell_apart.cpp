#include "experiments/claims/tell_apart.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <tuple>

#include "common/error.h"
#include "experiments/sweep/sweep_keys.h"
#include "experiments/training_settings.h"
#include "results/findings.h"

namespace rankscope {

namespace {

constexpr std::string_view kSettings = "settings.";
constexpr std::string_view kAlpha = "settings.alpha";
constexpr const char* kAlphaIsRank = "= rank";

// Rank and size have columns of their own.
bool has_column(const std::string& key) {
  if (!key.starts_with(kSettings)) return false;
  const std::string name = key.substr(kSettings.size());
  return name == "rank" || name == "targets" || std::ranges::find(kSizeKeys, name) != kSizeKeys.end();
}

bool is_number(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  return std::from_chars(text.data(), end, number).ptr == end;
}

// None of a method that another version of the program may know.
std::map<std::string, std::string> settings_of_known(const std::string& method) {
  try {
    return method_settings(method);
  } catch (const InputError&) {
    return {};
  }
}

// Settings of one task, method and targets: what differs between them but their size.
class Family {
 public:
  Family(std::vector<EvidenceGroup*> groups,
         const std::map<std::string, SettingValues>& values_of)
      : groups_(std::move(groups)) {
    for (const EvidenceGroup* group : groups_) {
      const auto found = values_of.find(group->example_trial);
      values_.push_back(found == values_of.end() ? SettingValues{} : found->second);
      for (const auto& [key, value] : values_.back())
        if (!has_column(key)) keys_.insert(key);
    }
  }

  void name() const {
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      EvidenceGroup& group = *groups_[i];
      for (const std::string& key : keys_) {
        const std::string value = value_of(i, key);
        if (value.empty() || is_default(group, key, value) || !tells(key)) continue;
        const std::string name = key.starts_with(kSettings) ? key.substr(kSettings.size()) : key;
        const std::string part = value == "true" ? name : name + " " + value;
        append(group.others, part);
        if (!follows_from_size(i, key)) append(group.variant, part);
      }
    }
    // Where nothing of that tells them apart, their groups' names do.
    std::map<std::tuple<Size, std::string>, std::vector<EvidenceGroup*>> alike;
    for (EvidenceGroup* group : groups_) alike[{size_of(*group), group->others}].push_back(group);
    for (const auto& [key, groups] : alike) {
      if (groups.size() < 2) continue;
      for (EvidenceGroup* group : groups) {
        append(group->others, "group " + group->label);
        append(group->variant, "group " + group->label);
      }
    }
  }

 private:
  using Size = std::pair<std::optional<std::int64_t>, std::string>;
  static Size size_of(const EvidenceGroup& group) { return {group.rank, group.size}; }

  static void append(std::string& text, const std::string& part) {
    text += (text.empty() ? "" : ", ") + part;
  }

  std::string value_of(std::size_t i, const std::string& key) const {
    const auto found = values_[i].find(key);
    return found == values_[i].end() ? std::string() : found->second;
  }

  // A word's default says nothing; a number's may be another at another rank.
  static bool is_default(const EvidenceGroup& group, const std::string& key,
                         const std::string& value) {
    if (!key.starts_with(kSettings)) return false;
    const std::string name = key.substr(kSettings.size());
    if (is_number(value) && name != "lr_ratio" && name != "dropout") return false;
    const std::map<std::string, std::string>& training = training_settings();
    const auto found = training.find(name);
    if (found != training.end()) return found->second == value;
    const std::map<std::string, std::string> own = settings_of_known(group.method);
    const auto default_value = own.find(name);
    return default_value != own.end() && default_value->second == value;
  }

  // Whether two settings of one size differ in it, or two groups of the sweep file, each by itself.
  bool tells(const std::string& key) const {
    std::map<Size, std::set<std::string>> of_size;
    std::map<std::string, std::set<std::string>> of_label;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      of_size[size_of(*groups_[i])].insert(value_of(i, key));
      of_label[groups_[i]->label].insert(value_of(i, key));
    }
    if (std::ranges::any_of(of_size, [](const auto& size) { return size.second.size() > 1; }))
      return true;
    std::set<std::string> choices;  // of the groups
    for (const auto& [label, values] : of_label) {
      if (key == kAlpha && alpha_is_rank(label))
        choices.insert(kAlphaIsRank);
      else if (values.size() == 1)
        choices.insert(*values.begin());
      else
        choices.insert("");
    }
    return choices.size() > 1;
  }

  bool alpha_is_rank(const std::string& label) const {
    for (std::size_t i = 0; i < groups_.size(); ++i)
      if (groups_[i]->label == label &&
          (!groups_[i]->rank || value_of(i, std::string(kAlpha)) != std::to_string(*groups_[i]->rank)))
        return false;
    return true;
  }

  // Whether the group in the sweep file has one value for each size, and several in all: an alpha
  // that is the rank, rates that were chosen rank by rank.
  bool follows_from_size(std::size_t which, const std::string& key) const {
    std::map<Size, std::set<std::string>> of_size;
    std::set<std::string> all;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      if (groups_[i]->label != groups_[which]->label) continue;
      of_size[size_of(*groups_[i])].insert(value_of(i, key));
      all.insert(value_of(i, key));
    }
    return all.size() > 1 &&
           std::ranges::all_of(of_size, [](const auto& size) { return size.second.size() == 1; });
  }

  std::vector<EvidenceGroup*> groups_;
  std::vector<SettingValues> values_;
  std::set<std::string> keys_;
};

}  // namespace

void tell_apart(std::vector<EvidenceGroup>& groups,
                const std::map<std::string, SettingValues>& values_of) {
  std::map<std::tuple<std::string, std::string, std::string, bool>, std::vector<EvidenceGroup*>>
      families;
  for (EvidenceGroup& group : groups)
    families[{group.task, group.method, group.targets, group.shuffled_targets}].push_back(&group);
  for (auto& [key, members] : families)
    if (members.size() > 1) Family(std::move(members), values_of).name();
}

}  // namespace rankscope
