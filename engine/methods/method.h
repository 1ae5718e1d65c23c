// Method: how a base is adapted. One file per method, chosen by name, each stating its
// trainable-parameter formula. A method's configuration is a set of KEY=VALUE settings that it
// alone knows; what it makes for a model is an Adaptation.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/settings.h"
#include "engine/autograd/operations.h"
#include "engine/models/config.h"
#include "engine/models/model.h"

namespace rankscope {

// A group of trained parameters with its own factor on the learning rate (LoRA+ needs it).
struct TrainedParameter {
  Parameter* parameter = nullptr;
  double learning_rate_factor = 1.0;
};

// An update that the optimizer has made.
struct UpdateReport {
  int64_t step = 0;           // from 1
  int64_t steps = 0;          // of the whole training
  double gradient_scale = 1;  // what clipping multiplied the gradients by
};

// Places in a layer, in the order of the forward pass.
enum class LayerPlace {
  kInput,        // the norm before attention
  kProjections,  // what Wq, Wk and Wv give
  kMlp,          // behind attention
  kOutput,
};

// A method at work on one model, which must outlive it.
class Adaptation {
 public:
  virtual ~Adaptation() = default;
  // What is trained, in a fixed order (that of the resume point).
  virtual std::vector<TrainedParameter> trained() = 0;
  // What else a resume point must hold, beside the trained parameters and the optimizer's moments.
  virtual std::vector<Parameter*> state() { return {}; }

  // ---- Places in the forward pass. Each gets the value there and gives the one to go on with; it
  // may take the value's memory over.
  // The low-rank update of a site, or null.
  virtual const LowRankUpdate* update_at(Site) const { return nullptr; }
  // The scales of a site's outputs, or null.
  virtual const ColumnScale* column_scale_at(Site) const { return nullptr; }
  // The tokens that the method adds to every sequence; their ids in a batch are in its `special`.
  virtual SpecialTokens special_tokens() const { return {}; }
  // Token embeddings [rows, width], before those of positions.
  virtual Var embedded(const ForwardContext&, Var x) const { return x; }
  // The residual stream before and behind a layer. Behind the last layer it has the rows with loss.
  virtual Var entering(const ForwardContext&, int /*layer*/, Var x) const { return x; }
  virtual Var leaving(const ForwardContext&, int /*layer*/, Var x) const { return x; }
  // A layer's keys and values [rows of keys, kv_heads * head_dim] as attention reads them.
  virtual Var keys(const ForwardContext&, int /*layer*/, Var k) const { return k; }
  virtual Var values(const ForwardContext&, int /*layer*/, Var v) const { return v; }
  // What Wo or W2 adds to the residual stream, where `follows` says that the method changes it.
  virtual bool follows(Site) const { return false; }
  virtual Var site_output(const ForwardContext&, Site, Var z) const { return z; }

  // ---- Around an update
  // Called when all gradients of a step have been added up, before their norm is taken.
  virtual void complete_gradients() {}
  // Called after each update, whose gradients are zeros again.
  virtual void after_update(const UpdateReport&) {}
  // Called when trained values have changed: by an update, or by who read them from a file.
  virtual void refresh(Model&) {}

  // Puts what can be expressed as base weights into the model's, where it is then written: the
  // forward pass costs what the base's costs, and results differ by rounding alone. From then on
  // update_at gives nothing for a merged site. What a method trains in the base is there already.
  virtual void merge_into(Model&) {}
  // Whether merge_into leaves nothing beside the base's weights, which alone then compute the same.
  virtual bool merges_whole() const { return false; }
  // The lowest layer that holds a trained parameter: gradients flow down to it; used to count
  // useful FLOPs. Trained embeddings give -1; the number of layers means that none holds any.
  virtual int lowest_trained_layer() const = 0;
  // Where in it the first thing stands that is trained beside sites' weights and updates.
  virtual LayerPlace lowest_trained_place() const { return LayerPlace::kOutput; }
  virtual bool trains_site_weight(Site) const { return false; }
  virtual bool trains_head() const { return false; }
  virtual int64_t update_rank(Site) const { return 0; }
  // Floating-point operations that the method adds to a row's forward pass in a layer, beyond its
  // low-rank updates; three times as many in training.
  virtual double added_flops(int /*layer*/) const { return 0; }
  // Whether all that is trained are low-rank updates: the base stays as it is, and several such
  // adaptations can work on it at once.
  virtual bool trains_low_rank_alone() const { return false; }
};

// None where there is no adaptation: the base alone.
inline SpecialTokens special_tokens_of(const Adaptation* adaptation) {
  return adaptation ? adaptation->special_tokens() : SpecialTokens{};
}

// How far a method's training reaches into a model.
struct TrainingReach {
  int lowest_layer = 0;  // as Adaptation::lowest_trained_layer
  SiteSet sites = {};    // whose low-rank update is trained, in some layer
  // The lowest layer from which all of the base's own tensors in layers are trained; -1: every
  // tensor of the model is; nothing: the base's matrices are not.
  std::optional<int> base_from = std::nullopt;
  // Numbers that a token keeps for the backward pass in each layer, beyond what those sites need.
  int64_t kept_per_token = 0;
  // And those that are fp32 in every precision: of low-rank updates x A^T, of norms statistics.
  int64_t floats_per_token = 0;
  // Numbers that the method keeps beside trained parameters, their gradients and moments.
  int64_t state = 0;
  // Weights of the method's own, of those trained parameters, that are packed for products both
  // ways.
  int64_t packed = 0;
  // Whether the base's weights at the sites, which stay frozen, are written when training starts.
  bool rewrites_sites = false;
};

// The place of methods that have special tokens.
inline constexpr const char* kSpecialTokens = "the special tokens of a sequence";

// How what a method trains is kept (checkpoint/FORMAT.md).
enum class SavedForm {
  kNothing,
  kLowRank,  // PEFT's adapter of low-rank updates, whatever they are in training
  kPrompt,   // PEFT's prompt or prefix tuning
  kModel,    // the whole model
  kBiases,   // the base's biases under their names
  kTensors,  // the trained tensors under names of their own
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
  // Throws SettingError where the settings do not go with a training of so many steps.
  virtual void check_steps(int64_t /*steps*/) const {}
  // Whether check_steps may throw.
  virtual bool heeds_steps() const { return false; }
  // As Backend::libraries, of what adapt() computes beside the backend.
  virtual std::string libraries() const { return {}; }
  // Whether adapt() heeds its seed.
  virtual bool draws() const { return true; }
  // init_seed keys the initialisation.
  virtual std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const = 0;
  // What adapt() would train on a model of this shape, for a memory plan without weights.
  virtual TrainingReach reach(const ModelShape& shape) const = 0;
  // The names of what the method changes on a model of this shape: methods with a place in common
  // cannot be combined. A site's weight and its update are one place, its name.
  virtual std::vector<std::string> places(const ModelShape& shape) const = 0;
  // What the method takes from the model's context in every sequence.
  virtual SpecialTokens special_tokens() const { return {}; }
  // As Adaptation::trains_low_rank_alone, of all that adapt() makes.
  virtual bool trains_low_rank_alone() const { return false; }
  virtual SavedForm saved_form() const { return SavedForm::kTensors; }
};

// A model's configuration with the context that special tokens leave to examples.
ModelConfig config_beside(ModelConfig config, const SpecialTokens& special);

// none, full, lora, ...: one line each in methods.cpp; or several joined by '+', which then work
// together (combined.cpp). Takes the method's own keys out of `settings`; the caller takes its own
// and then calls refuse_unknown. Throws InputError for an unknown name, with the nearest known one.
std::unique_ptr<Method> make_method(const std::string& name, Settings& settings);
// Of the method with its default settings.
SavedForm saved_form_of(const std::string& name);
// Of single methods.
std::vector<std::string_view> method_names();
// "none, full, ..."
std::string method_list();

}  // namespace rankscope
