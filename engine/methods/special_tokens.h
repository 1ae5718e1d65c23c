// What prefix_embed, prefix_layer and prefix_kv share: their settings, and how the trained vectors
// of special tokens begin.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/methods/method.h"

namespace rankscope {

// Of a method's setting, or of a file.
inline constexpr int64_t kMostSpecialTokens = 65536;

// Settings, as KEY=VALUE:
//   prefix=8           tokens before the prompt (l_p)
//   infix=0            tokens between prompt and target (l_i); prefix_kv has none
//   init=vocabulary    as the base gives them for words drawn from its vocabulary, each once; or
//                      random: normal with deviation 0.02, whatever that of the base's own is
struct SpecialTokenSettings {
  SpecialTokens tokens;
  bool from_vocabulary = true;
  bool with_infix = true;

  static SpecialTokenSettings read(Settings& settings, bool with_infix);
  std::map<std::string, std::string> canonical() const;
  // Throws InputError where the tokens leave no room for two others in the model's context.
  void check(const ModelShape& shape) const;
};

// The first vectors of `count` special tokens, in their order.
class SpecialTokenStart {
 public:
  SpecialTokenStart(const SpecialTokenSettings& settings, Model& model, uint64_t init_seed);

  // Fills [count, cols] for a parameter of that name: by draws, or from the base: their embeddings,
  // what enters layer `layer` where they are a sequence, or its keys or values there.
  enum class Kind { kEmbedding, kStream, kKeys, kValues };
  void fill(Kind kind, int layer, Parameter& parameter) const;

 private:
  Model& model_;
  bool from_vocabulary_;
  uint64_t seed_;
  std::vector<int32_t> words_;
  std::map<std::pair<Kind, int>, std::vector<float>> recorded_;  // of a forward pass over the words
};

// What sets one of these methods apart.
struct SpecialTokenMethod {
  std::string_view name;
  SavedForm form_without_infix = SavedForm::kTensors;
  bool with_infix = true;
  bool keys_alone = false;  // SpecialTokens
  std::string_view formula;
  int lowest_layer = 0;  // as TrainingReach's
  int64_t (*trainable_parameters)(const ModelConfig& config, const SpecialTokens& tokens) = nullptr;
  std::unique_ptr<Adaptation> (*adapt)(Model& model, const SpecialTokenSettings& settings,
                                       uint64_t init_seed) = nullptr;
};
template <typename T>
std::unique_ptr<Adaptation> make_adaptation(Model& model, const SpecialTokenSettings& settings,
                                            uint64_t init_seed) {
  return std::make_unique<T>(model, settings, init_seed);
}
std::unique_ptr<Method> make_special_token_method(const SpecialTokenMethod& method,
                                                  Settings& settings);

// `x` with the rows of `table` in the places of the batch's special tokens. In decoding, behind the
// prompt, there are none.
Var with_special_rows(const ForwardContext& context, Parameter& table, Var x);

// A parameter of zeros with a gradient.
Parameter special_token_parameter(Backend& backend, std::string name, int64_t rows, int64_t cols);

}  // namespace rankscope
