#include "engine/methods/special_tokens.h"

#include <fmt/format.h>

#include "common/draws.h"
#include "common/error.h"

namespace rankscope {
namespace {

constexpr float kEmbeddingDeviation = 0.02f;

// Keeps what passes the places of the forward pass.
class Recorder : public Adaptation {
 public:
  using Kind = SpecialTokenStart::Kind;
  explicit Recorder(std::map<std::pair<Kind, int>, std::vector<float>>& recorded)
      : recorded_(recorded) {}
  std::vector<TrainedParameter> trained() override { return {}; }
  int lowest_trained_layer() const override { return 0; }
  Var entering(const ForwardContext& context, int layer, Var x) const override {
    return keep(context, Kind::kStream, layer, x);
  }
  Var keys(const ForwardContext& context, int layer, Var k) const override {
    return keep(context, Kind::kKeys, layer, k);
  }
  Var values(const ForwardContext& context, int layer, Var v) const override {
    return keep(context, Kind::kValues, layer, v);
  }

 private:
  Var keep(const ForwardContext& context, Kind kind, int layer, Var x) const {
    recorded_[{kind, layer}] = context.tape.backend().to_host(x.value.view());
    return x;
  }

  std::map<std::pair<Kind, int>, std::vector<float>>& recorded_;
};

class MethodOfSpecialTokens : public Method {
 public:
  MethodOfSpecialTokens(const SpecialTokenMethod& method, SpecialTokenSettings settings)
      : method_(method), settings_(settings) {}
  std::string_view name() const override { return method_.name; }
  int64_t trainable_parameters(const ModelShape& shape) const override {
    settings_.check(shape);
    return method_.trainable_parameters(shape.config, settings_.tokens);
  }
  std::string formula() const override { return std::string(method_.formula); }
  std::map<std::string, std::string> settings() const override { return settings_.canonical(); }
  std::unique_ptr<Adaptation> adapt(Model& model, uint64_t init_seed) const override {
    return method_.adapt(model, settings_, init_seed);
  }
  TrainingReach reach(const ModelShape&) const override {
    return {.lowest_layer = method_.lowest_layer};
  }
  std::vector<std::string> places(const ModelShape&) const override { return {kSpecialTokens}; }
  SpecialTokens special_tokens() const override { return settings_.tokens; }
  SavedForm saved_form() const override {
    return settings_.tokens.infix == 0 ? method_.form_without_infix : SavedForm::kTensors;
  }

 private:
  SpecialTokenMethod method_;
  SpecialTokenSettings settings_;
};

}  // namespace

std::unique_ptr<Method> make_special_token_method(const SpecialTokenMethod& method,
                                                  Settings& settings) {
  SpecialTokenSettings read = SpecialTokenSettings::read(settings, method.with_infix);
  read.tokens.keys_alone = method.keys_alone;
  return std::make_unique<MethodOfSpecialTokens>(method, std::move(read));
}

Var with_special_rows(const ForwardContext& context, Parameter& table, Var x) {
  const auto& special = context.batch.special;
  if (!special) return x;
  return replace_rows(context.tape, x, table, {special, &special->ids}, {special, &special->rows});
}

SpecialTokenSettings SpecialTokenSettings::read(Settings& settings, bool with_infix) {
  static constexpr std::string_view kInits[] = {"vocabulary", "random"};
  SpecialTokenSettings read;
  read.with_infix = with_infix;
  read.tokens.prefix = settings.integer("prefix", 8, 0, kMostSpecialTokens);
  if (with_infix) read.tokens.infix = settings.integer("infix", 0, 0, kMostSpecialTokens);
  read.from_vocabulary = settings.choice("init", "vocabulary", kInits) == "vocabulary";
  if (read.tokens.count() == 0) {
    throw SettingError(
        "prefix", "0",
        with_infix ? "prefix and infix are both 0; give one a token" : "prefix must be at least 1");
  }
  return read;
}

std::map<std::string, std::string> SpecialTokenSettings::canonical() const {
  std::map<std::string, std::string> all = {{"prefix", std::to_string(tokens.prefix)},
                                            {"init", from_vocabulary ? "vocabulary" : "random"}};
  if (with_infix) all["infix"] = std::to_string(tokens.infix);
  return all;
}

void SpecialTokenSettings::check(const ModelShape& shape) const {
  if (tokens.count() + 2 <= shape.config.context) return;
  throw SettingError("prefix", std::to_string(tokens.prefix),
                     fmt::format("{} special tokens leave no room in the model's context of {}",
                                 tokens.count(), shape.config.context));
}

SpecialTokenStart::SpecialTokenStart(const SpecialTokenSettings& settings, Model& model,
                                     uint64_t init_seed)
    : model_(model), from_vocabulary_(settings.from_vocabulary), seed_(init_seed) {
  settings.check(model.shape());
  if (!from_vocabulary_) return;
  const auto vocabulary = static_cast<uint64_t>(model.config().vocabulary);
  const std::vector<uint64_t> order =
      Draws(init_seed, "init", "words of special tokens").permutation(vocabulary);
  for (int64_t i = 0; i < settings.tokens.count(); ++i)
    words_.push_back(static_cast<int32_t>(order[static_cast<size_t>(i) % order.size()]));
  // The target makes every layer be computed; what is recorded stands before it.
  const TokenExample example{words_, {words_[0]}};
  const TokenExample* one = &example;
  const uint64_t id = 0;
  const Batch batch = pack_batch({&one, 1}, {&id, 1});
  const Recorder recorder(recorded_);
  Tape tape(model.backend(), false);
  model.forward({tape, batch, &recorder, std::nullopt, 0.0});
}

void SpecialTokenStart::fill(Kind kind, int layer, Parameter& parameter) const {
  const int64_t cols = parameter.value.cols();
  std::vector<float> values(static_cast<size_t>(parameter.value.size()));
  if (!from_vocabulary_) {
    Draws(seed_, "init", parameter.name).fill_normal(values);
    for (float& value : values) value *= kEmbeddingDeviation;
  } else if (kind == Kind::kEmbedding) {
    for (size_t i = 0; i < words_.size(); ++i)
      model_.copy_values(model_.shape().embedding, words_[i] * cols, cols,
                         values.data() + static_cast<int64_t>(i) * cols);
  } else {
    const std::vector<float>& from = recorded_.at({kind, layer});
    std::copy_n(from.begin(), values.size(), values.begin());
  }
  model_.backend().upload(values.data(), parameter.value.matrix());
}

Parameter special_token_parameter(Backend& backend, std::string name, int64_t rows, int64_t cols) {
  return {std::move(name), backend.zeros(rows, cols), backend.zeros(rows, cols)};
}

}  // namespace rankscope
