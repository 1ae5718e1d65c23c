#include "engine/methods/combined.h"

#include <algorithm>
#include <set>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

using Methods = std::vector<std::unique_ptr<Method>>;
using Adaptations = std::vector<std::unique_ptr<Adaptation>>;

class CombinedAdaptation : public Adaptation {
 public:
  explicit CombinedAdaptation(Adaptations parts) : parts_(std::move(parts)) {}

  std::vector<TrainedParameter> trained() override {
    std::vector<TrainedParameter> all;
    for (const auto& part : parts_) {
      const auto some = part->trained();
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  std::vector<Parameter*> state() override {
    std::vector<Parameter*> all;
    for (const auto& part : parts_) {
      const auto some = part->state();
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }

  // At most one part has something at a site.
  const LowRankUpdate* update_at(Site site) const override {
    for (const auto& part : parts_)
      if (const LowRankUpdate* update = part->update_at(site)) return update;
    return nullptr;
  }
  const ColumnScale* column_scale_at(Site site) const override {
    for (const auto& part : parts_)
      if (const ColumnScale* scale = part->column_scale_at(site)) return scale;
    return nullptr;
  }
  SpecialTokens special_tokens() const override {
    for (const auto& part : parts_)
      if (part->special_tokens().count() > 0) return part->special_tokens();
    return {};
  }
  Var embedded(const ForwardContext& context, Var x) const override {
    for (const auto& part : parts_) x = part->embedded(context, x);
    return x;
  }
  Var entering(const ForwardContext& context, int layer, Var x) const override {
    for (const auto& part : parts_) x = part->entering(context, layer, x);
    return x;
  }
  Var leaving(const ForwardContext& context, int layer, Var x) const override {
    for (const auto& part : parts_) x = part->leaving(context, layer, x);
    return x;
  }
  Var keys(const ForwardContext& context, int layer, Var k) const override {
    for (const auto& part : parts_) k = part->keys(context, layer, k);
    return k;
  }
  Var values(const ForwardContext& context, int layer, Var v) const override {
    for (const auto& part : parts_) v = part->values(context, layer, v);
    return v;
  }
  bool follows(Site site) const override {
    return std::ranges::any_of(parts_, [&](const auto& part) { return part->follows(site); });
  }
  Var site_output(const ForwardContext& context, Site site, Var z) const override {
    for (const auto& part : parts_)
      if (part->follows(site)) z = part->site_output(context, site, z);
    return z;
  }

  void complete_gradients() override {
    for (const auto& part : parts_) part->complete_gradients();
  }
  void after_update(const UpdateReport& report) override {
    for (const auto& part : parts_) part->after_update(report);
  }
  void refresh(Model& model) override {
    for (const auto& part : parts_) part->refresh(model);
  }
  void merge_into(Model& model) override {
    for (const auto& part : parts_) part->merge_into(model);
  }
  bool merges_whole() const override {
    return std::ranges::all_of(parts_, [](const auto& part) { return part->merges_whole(); });
  }

  int lowest_trained_layer() const override {
    int lowest = parts_.front()->lowest_trained_layer();
    for (const auto& part : parts_) lowest = std::min(lowest, part->lowest_trained_layer());
    return lowest;
  }
  LayerPlace lowest_trained_place() const override {
    const int lowest = lowest_trained_layer();
    LayerPlace first = LayerPlace::kOutput;
    for (const auto& part : parts_)
      if (part->lowest_trained_layer() == lowest)
        first = std::min(first, part->lowest_trained_place());
    return first;
  }
  bool trains_site_weight(Site site) const override {
    return std::ranges::any_of(parts_,
                               [&](const auto& part) { return part->trains_site_weight(site); });
  }
  bool trains_head() const override {
    return std::ranges::any_of(parts_, [](const auto& part) { return part->trains_head(); });
  }
  int64_t update_rank(Site site) const override {
    int64_t rank = 0;
    for (const auto& part : parts_) rank += part->update_rank(site);
    return rank;
  }
  double added_flops(int layer) const override {
    double flops = 0;
    for (const auto& part : parts_) flops += part->added_flops(layer);
    return flops;
  }

 private:
  Adaptations parts_;
};

class Combined : public Method {
 public:
  Combined(std::string name, Methods methods, std::set<std::string> shared)
      : name_(std::move(name)), methods_(std::move(methods)), shared_(std::move(shared)) {}

  std::string_view name() const override { return name_; }

  int64_t trainable_parameters(const ModelShape& shape) const override {
    check_places(shape);
    int64_t total = 0;
    for (const auto& method : methods_) total += method->trainable_parameters(shape);
    return total;
  }
  void check_steps(int64_t steps) const override {
    for (const auto& method : methods_) method->check_steps(steps);
  }
  bool heeds_steps() const override {
    return std::ranges::any_of(methods_, [](const auto& method) { return method->heeds_steps(); });
  }
  std::string formula() const override {
    std::string text;
    for (const auto& method : methods_) text += (text.empty() ? "" : " + ") + method->formula();
    return text;
  }
  std::map<std::string, std::string> settings() const override {
    std::map<std::string, std::string> all;
    for (const auto& method : methods_)
      for (const auto& [key, value] : method->settings())
        all[shared_.contains(key) ? std::string(method->name()) + "_" + key : key] = value;
    return all;
  }
  bool draws() const override {
    return std::ranges::any_of(methods_, [](const auto& method) { return method->draws(); });
  }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    check_places(model.shape());
    Adaptations parts;
    for (const auto& method : methods_) parts.push_back(method->adapt(model, init_seed));
    return std::make_unique<CombinedAdaptation>(std::move(parts));
  }
  TrainingReach reach(const ModelShape& shape) const override {
    TrainingReach all = methods_.front()->reach(shape);
    for (const auto& method : methods_) {
      if (method == methods_.front()) continue;
      const TrainingReach one = method->reach(shape);
      all.lowest_layer = std::min(all.lowest_layer, one.lowest_layer);
      all.kept_per_token += one.kept_per_token;
      all.floats_per_token += one.floats_per_token;
      all.state += one.state;
      all.packed += one.packed;
      all.rewrites_sites |= one.rewrites_sites;
      if (one.base_from)
        all.base_from = std::min(all.base_from.value_or(*one.base_from), *one.base_from);
      for (SiteKind kind : one.sites.kinds()) all.sites.insert(kind);
    }
    return all;
  }
  std::vector<std::string> places(const ModelShape& shape) const override {
    std::vector<std::string> all;
    for (const auto& method : methods_) {
      const auto some = method->places(shape);
      all.insert(all.end(), some.begin(), some.end());
    }
    return all;
  }
  SpecialTokens special_tokens() const override {
    for (const auto& method : methods_)
      if (method->special_tokens().count() > 0) return method->special_tokens();
    return {};
  }

 private:
  void check_places(const ModelShape& shape) const {
    std::map<std::string, std::string_view> taken;
    for (const auto& method : methods_) {
      for (const std::string& place : method->places(shape)) {
        const auto [found, added] = taken.emplace(place, method->name());
        if (added) continue;
        throw InputError("method " + name_ + ": " + std::string(found->second) + " and " +
                         std::string(method->name()) + " both change " + place +
                         "; combine methods whose places differ");
      }
    }
  }

  std::string name_;
  Methods methods_;
  std::set<std::string> shared_;  // keys of more than one of them
};

std::vector<std::string> split_names(const std::string& names) {
  std::vector<std::string> all;
  size_t begin = 0;
  while (begin <= names.size()) {
    const size_t end = std::min(names.find('+', begin), names.size());
    all.push_back(names.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

}  // namespace

std::unique_ptr<Method> make_combined_method(const std::string& names, Settings& settings) {
  std::map<std::string, std::map<std::string, std::string>> keys;  // of each, with their defaults
  std::set<std::string> seen, shared;
  const std::vector<std::string> all = split_names(names);
  for (const std::string& name : all) {
    Settings none;
    if (name == "none" || !keys.emplace(name, make_method(name, none)->settings()).second) {
      throw InputError("method '" + printable(names) + "': " + printable(name) +
                       (name == "none" ? " combines with nothing" : " stands in it twice"));
    }
    for (const auto& [key, value] : keys[name])
      if (!seen.insert(key).second) shared.insert(key);
  }
  Methods methods;
  for (const std::string& name : all) {
    std::map<std::string, std::string> inner_names;
    for (const auto& [key, value] : keys[name])
      inner_names[shared.contains(key) ? name + "_" + key : key] = key;
    Settings own = settings.take(inner_names);
    methods.push_back(make_method(name, own));
    if (methods.back()->settings()["init"] == "pissa") {
      throw SettingError("init", "pissa",
                         "it changes the base, which method " + names +
                             " would share with others; use lora alone");
    }
  }
  return std::make_unique<Combined>(names, std::move(methods), std::move(shared));
}

}  // namespace rankscope
