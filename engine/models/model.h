// Model: a base checkpoint, frozen unless a method says otherwise, and its forward pass.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/json.h"
#include "engine/autograd/operations.h"
#include "engine/models/batch.h"
#include "engine/models/config.h"
#include "engine/models/kv_cache.h"
#include "engine/models/weights.h"

namespace rankscope {

class Adaptation;

// What is drawn anew at every training step, for dropout. Absent in evaluation.
struct StepDraws {
  uint64_t seed = 0;
  int64_t step = 0;
};

// Sequences of one batch that belong together: one trial's, where several train at once.
struct BatchPart {
  int64_t row_begin = 0, row_end = 0;    // of the batch's rows
  int64_t loss_begin = 0, loss_end = 0;  // of its rows with loss
  const Adaptation* adaptation = nullptr;
  std::optional<StepDraws> draws;
};

struct ForwardContext {
  Tape& tape;
  const Batch& batch;                      // must outlive the tape's backward run
  const Adaptation* adaptation = nullptr;  // null: the base alone
  std::optional<StepDraws> draws;          // training with dropout
  double base_dropout_scale = 0.0;         // 1: the config's dropouts apply; 0: none
  const CacheRows* cache = nullptr;        // decoding: on a tape that does not record
  // In place of `adaptation` and `draws`: the parts of the batch, in the order of their rows. Parts
  // adapt by low-rank updates alone, without base dropout.
  std::span<const BatchPart> parts = {};
};

// Which rows of the batch an activation holds: the last layer keeps the rows with loss alone.
enum class BatchRows { kAll, kLoss };

class Model {
 public:
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelShape& shape() const { return shape_; }
  const ModelConfig& config() const { return shape_.config; }
  Backend& backend() const { return backend_; }
  // The folder it was loaded from.
  const std::filesystem::path& folder() const { return folder_; }

  // Hidden states [batch.loss_rows, width] after the final norm, ready for the head. In the last
  // layer everything beyond keys and values is computed at these rows only. The batch's token ids
  // and positions must lie inside the vocabulary and the context.
  virtual Var forward(const ForwardContext& context) const = 0;

  const LinearWeight& head() const { return head_; }
  const LinearWeight& site(Site site) const { return sites_.at(site); }
  // Throws std::out_of_range where the model has no tensor of that name.
  Parameter& parameter(const std::string& name) const { return *parameters_.at(name); }
  // Parameters in checkpoint order. The value of a matrix may be empty while frozen: where it is
  // half precision, or not in the host's memory.
  std::vector<Parameter*> parameters() const;
  // The tensor as it is computed with, row-major; a vector is a matrix of one row. In the memory of
  // the backend.
  WeightView view(const std::string& name) const;
  // The type of the tensor in the checkpoint's file.
  DType stored_dtype(const std::string& name) const { return weights_->view(name).dtype; }
  // Elements [first, first + count) of the tensor as now in memory, as fp32.
  void copy_values(const std::string& name, int64_t first, int64_t count, float* out) const;

  // Copies the tensor out of the mapped file, as fp32, so that its value may be written. After
  // writing call refresh().
  void make_writable(const std::string& name);
  // make_writable, and a gradient of zeros.
  void make_trainable(const std::string& name);
  // After base parameters were written (an optimizer step, a loaded adapter): packs anew what was
  // made writable.
  void refresh();
  // Every tensor is the checkpoint's again, which stayed mapped, and frozen: what make_writable
  // copied is dropped. Adaptations made before, which may point into the copies, must not be used
  // after.
  void restore();
  // On the CPU, forward and backward products read one packed form of each matrix from now on, as
  // those of a large model do from the beginning (ModelShape::packed_once).
  void pack_once();
  // SHA-256 over all tensors' names, shapes and fp32 values as now in memory.
  std::string weights_hash() const;
  // SHA-256 over all tensors' names and shapes and the first fp32 values of each as the checkpoint
  // has them, in microseconds for any size: tells a trained base from what it came from, and not
  // how its files are cut, called or, where no value is rounded, typed.
  std::string stored_sample_hash() const;

  // The base applies dropout inside attention when its config asks for it; this engine does not.
  bool has_attention_dropout() const { return config().attention_dropout > 0; }

 protected:
  Model(ModelShape shape, std::shared_ptr<const Weights> weights, Backend& backend);

  // The site's linear map under the adaptation, with the site's dropout draws filled in. `rows`
  // says which rows of the batch x holds.
  Var apply_site(const ForwardContext& context, Site site, const Var& x, BatchRows rows,
                 LinearOptions options = {}) const;
  // The base's own dropout at rate `p`, where the context asks for it; `name` keys its draws.
  Var base_dropout(const ForwardContext& context, const std::string& name, double p, const Var& x,
                   BatchRows rows) const;
  // Token embeddings, with those of special tokens in their places.
  Var embed_tokens(const ForwardContext& context) const;
  // What the adaptation makes of these values (Adaptation's places of the same names); of keys and
  // values, at the batch's rows of keys.
  Var entering(const ForwardContext& context, int layer, Var x) const;
  Var leaving(const ForwardContext& context, int layer, Var x) const;
  Var keys(const ForwardContext& context, int layer, Var k) const;
  Var values(const ForwardContext& context, int layer, Var v) const;
  // y = residual + dropout(site(x)), with what the adaptation makes of the site's output.
  Var apply_site_to_residual(const ForwardContext& context, Site site, const Var& x,
                             const Var& residual, BatchRows rows) const;
  // Rows of the token or position table.
  Var embed(const ForwardContext& context, const std::string& table,
            const std::shared_ptr<const Indices>& ids) const;
  // In the last layer, narrows the residual stream and its normalised form to the rows with loss.
  BatchRows narrow(const ForwardContext& context, int layer, Var& x, Var& normed) const;
  // Causal attention of a layer's queries, those at `rows`, over the keys and values of its
  // sequences: the batch's own, and with a cache the kept ones, to which the batch's are added.
  Var attend(const ForwardContext& context, int layer, const Var& q, const Var& k, const Var& v,
             BatchRows rows) const;

 private:
  AttentionShape attention_shape() const;
  LinearWeight linear_weight(const SiteSpec& spec) const;
  LinearWeight head_weight() const;
  void make_linear_weights();
  void place_frozen(const TensorSpec& spec);
  void view_anew(const std::string& tensor);
  void release_when_packed(LinearWeight& weight, const std::string& tensor) const;

  ModelShape shape_;
  std::shared_ptr<const Weights> weights_;
  Backend& backend_;
  std::filesystem::path folder_;
  std::map<std::string, std::unique_ptr<Parameter>> parameters_;
  // Frozen matrices where the backend does not compute with the checkpoint's own memory.
  struct Placed {
    WeightView view;
    std::shared_ptr<const void> owner;
  };
  std::map<std::string, Placed> placed_;
  std::set<std::string> writable_;
  bool packed_once_ = false;
  std::map<Site, LinearWeight> sites_;
  LinearWeight head_;

  friend std::unique_ptr<Model> load_model(const std::filesystem::path&, Backend&);
};

// A model family: one file under models/, one line in model_families() (families.cpp).
struct ModelFamily {
  std::string_view model_type;  // config.json's "model_type"
  // Fills config, tensors and sites from config.json, refusing what is not supported. To `config` a
  // null is an absent key; `raw` is for the few keys where the two differ.
  ModelShape (*read)(JsonObject& config, const Json& raw);
  std::unique_ptr<Model> (*make)(ModelShape shape, std::shared_ptr<const Weights> weights,
                                 Backend& backend);
  // Whether a stored tensor (named without the base model's prefix) is a buffer, not a parameter.
  bool (*is_buffer)(std::string_view name);
};
std::span<const ModelFamily> model_families();

// Loads FOLDER (config.json and model.safetensors, or shards with their index). Weights are mapped;
// fp32 tensors are used where they lie. Throws InputError for anything that does not fit.
std::unique_ptr<Model> load_model(const std::filesystem::path& folder, Backend& backend);

}  // namespace rankscope
