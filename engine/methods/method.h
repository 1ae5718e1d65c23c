// Method: how a base is adapted. One file per method, chosen by name, each stating its
// trainable-parameter formula. A method's configuration is a set of KEY=VALUE settings that it
// alone knows; what it makes for a model is an Adaptation.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/autograd/operations.h"
#include "engine/models/config.h"
#include "engine/models/model.h"

namespace rankscope {

// KEY=VALUE settings in text. Readers take keys out; what is left over at the end is refused.
class Settings {
 public:
  Settings() = default;
  explicit Settings(std::map<std::string, std::string> values) : values_(std::move(values)) {}
  // "KEY=VALUE"; throws InputError where the form is wrong or the key is set twice.
  void add(std::string_view assignment);
  bool has(const std::string& key) const { return values_.contains(key); }
  // Each of these marks the key as known; a missing key gives the default. Errors name the key, the
  // value and what is allowed.
  std::string text(const std::string& key, const std::string& fallback);
  int64_t integer(const std::string& key, int64_t fallback, int64_t low, int64_t high);
  double number(const std::string& key, double fallback, double low, double high);
  bool flag(const std::string& key, bool fallback);
  std::string choice(const std::string& key, const std::string& fallback,
                     std::span<const std::string_view> allowed);
  // Throws InputError for the first key nobody asked for, with the nearest known one.
  void refuse_unknown(const std::string& where) const;

 private:
  std::map<std::string, std::string> values_;
  std::vector<std::string> known_;
};

// A group of trained parameters with its own factor on the learning rate (LoRA+ needs it).
struct TrainedParameter {
  Parameter* parameter = nullptr;
  double learning_rate_factor = 1.0;
};

// A method at work on one model, which must outlive it.
class Adaptation {
 public:
  virtual ~Adaptation() = default;
  // What is trained, in a fixed order (that of the resume point).
  virtual std::vector<TrainedParameter> trained() = 0;
  // The low-rank update of a site, or null.
  virtual const LowRankUpdate* update_at(Site) const { return nullptr; }
  // Puts what can be expressed as base weights into the model's, where it is then written: the
  // forward pass costs what the base's costs, and results differ by rounding alone. From then on
  // update_at gives nothing for a merged site. What a method trains in the base is there already.
  virtual void merge_into(Model&) {}
  // Called after each optimizer step.
  virtual void after_step(Model&) {}
  // The lowest layer that holds a trained parameter: gradients flow down to it; used to count
  // useful FLOPs. Trained embeddings give -1; the number of layers means that none holds any.
  virtual int lowest_trained_layer() const = 0;
  virtual bool trains_site_weight(Site) const { return false; }
  virtual bool trains_head() const { return false; }
  virtual int64_t update_rank(Site) const { return 0; }
  // Whether all that is trained are low-rank updates: the base stays as it is, and several such
  // adaptations can work on it at once.
  virtual bool trains_low_rank_alone() const { return false; }
};

// How far a method's training reaches into a model.
struct TrainingReach {
  int lowest_layer = 0;  // as Adaptation::lowest_trained_layer
  SiteSet sites;         // whose weight or low-rank update is trained, in some layer
};

class Method {
 public:
  virtual ~Method() = default;
  virtual std::string_view name() const = 0;
  // Trainable parameters on a model of this shape, from the formula, without weights. Throws
  // InputError with the reason where the model lacks what the method needs.
  virtual int64_t trainable_parameters(const ModelShape& shape) const = 0;
  // The formula, for people: "sum over sites of r (d_in + d_out)".
  virtual std::string formula() const = 0;
  // The settings in force, defaults included, in canonical text: part of a trial's identity.
  virtual std::map<std::string, std::string> settings() const = 0;
  // init_seed keys the initialisation.
  virtual std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const = 0;
  // What adapt() would train on a model of this shape, for a memory plan without weights.
  virtual TrainingReach reach(const ModelShape& shape) const = 0;
};

// none, full, lora, bitfit: one line each in methods.cpp. Takes the method's own keys out of
// `settings`; the caller takes its own and then calls refuse_unknown. Throws InputError for an
// unknown name, with the nearest known one.
std::unique_ptr<Method> make_method(const std::string& name, Settings& settings);
std::vector<std::string_view> method_names();

}  // namespace rankscope
