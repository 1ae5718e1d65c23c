// What config.json may say: every spelling that is read, and every refusal by its key.
#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/json.h"
#include "engine/models/config.h"
#include "engine/models/rotary_table.h"
#include "tests/error_text.h"

namespace rankscope {
namespace {

using Catch::Matchers::Contains;

Json gpt2() {
  return {{"model_type", "gpt2"}, {"n_embd", 24},      {"n_layer", 2},
          {"n_head", 2},          {"n_positions", 16}, {"vocab_size", 97}};
}

Json llama(const std::string& type = "llama") {
  Json json = {{"model_type", type},       {"hidden_size", 24},
               {"intermediate_size", 40},  {"num_hidden_layers", 2},
               {"num_attention_heads", 2}, {"num_key_value_heads", 1},
               {"vocab_size", 97},         {"max_position_embeddings", 64}};
  if (type == "mistral") json["sliding_window"] = nullptr;
  return json;
}

ModelShape read(const Json& json) { return parse_model_shape(json.dump(), "config.json"); }

// The refusal of `base` with `key` set to `value`.
std::string refusal(Json base, const std::string& key, const Json& value) {
  base[key] = value;
  return tests::error_text<InputError>([&] { read(base); });
}

void check_refused(const Json& base, const std::string& key, const Json& value) {
  INFO(key << " = " << value.dump());
  CHECK_THAT(refusal(base, key, value), Contains("config.json: field '" + key + "'"));
}

TEST_CASE("A GPT-2 config gives shapes, sites and names") {
  const ModelShape shape = read(gpt2());
  CHECK(shape.config.head_dim == 12);
  CHECK(shape.config.mlp_width == 96);
  CHECK(shape.config.tied_head);
  CHECK(shape.head() == "transformer.wte.weight");
  REQUIRE(shape.sites.size() == 12);
  const SiteSpec* wv = shape.find({1, SiteKind::Wv});
  REQUIRE(wv != nullptr);
  CHECK(wv->weight == "transformer.h.1.attn.c_attn.weight");
  CHECK(wv->begin == 48);
  CHECK(wv->out == 24);
  CHECK_FALSE(wv->stored_transposed);
  CHECK_FALSE(shape.has_site_kind(SiteKind::W3));
  // 97*24 + 16*24 + 2 layers (3*24*24+72 + 24*24+24 + 24*96+96 + 96*24+24 + 4*24) + 48
  CHECK(shape.parameters() == 2328 + 384 + 2 * (1800 + 600 + 2400 + 2328 + 96) + 48);
}

TEST_CASE("A LLaMA config gives shapes, sites and names") {
  const ModelShape shape = read(llama());
  const SiteSpec* wk = shape.find({0, SiteKind::Wk});
  REQUIRE(wk != nullptr);
  CHECK(wk->weight == "model.layers.0.self_attn.k_proj.weight");
  CHECK(wk->in == 24);
  CHECK(wk->out == 12);
  CHECK(wk->stored_transposed);
  CHECK(wk->bias.empty());
  CHECK(shape.find({0, SiteKind::W3})->module == "model.layers.0.mlp.gate_proj");
  CHECK(shape.find({0, SiteKind::W1})->module == "model.layers.0.mlp.up_proj");
  CHECK_FALSE(shape.config.tied_head);
  CHECK(shape.config.norm_epsilon == 1e-6);
}

TEST_CASE("Qwen2 has biases on q, k and v alone") {
  const ModelShape shape = read(llama("qwen2"));
  CHECK(shape.find({0, SiteKind::Wq})->bias == "model.layers.0.self_attn.q_proj.bias");
  CHECK(shape.find({0, SiteKind::Wo})->bias.empty());
  CHECK(shape.find({0, SiteKind::W1})->bias.empty());
}

TEST_CASE("LLaMA's bias keys give biases to every attention or MLP projection") {
  Json json = llama();
  json["attention_bias"] = true;
  json["mlp_bias"] = true;
  const ModelShape shape = read(json);
  for (const SiteSpec& spec : shape.sites) CHECK(spec.bias == spec.module + ".bias");
}

TEST_CASE("Head counts take the defaults of their model_type") {
  Json json = llama("mistral");
  json["num_attention_heads"] = 12;
  json["hidden_size"] = 48;
  json["num_key_value_heads"] = nullptr;
  CHECK(read(json).config.kv_heads == 12);
  json.erase("num_key_value_heads");  // absent: 8, which does not divide 12
  CHECK_THAT(tests::error_text<InputError>([&] { read(json); }), Contains("num_key_value_heads"));
  json["model_type"] = "llama";
  CHECK(read(json).config.kv_heads == 12);
}

TEST_CASE("The end token may be a number, a list or null") {
  Json json = gpt2();
  json["eos_token_id"] = 5;
  CHECK(read(json).config.eos_ids == std::vector<int64_t>{5});
  json["eos_token_id"] = {5, 6};
  CHECK(read(json).config.eos_ids == std::vector<int64_t>{5, 6});
  json["eos_token_id"] = nullptr;
  CHECK(read(json).config.eos_ids.empty());
  // No model gives what is not in its vocabulary.
  json["eos_token_id"] = {5, json.at("vocab_size"), 2147483647};
  CHECK(read(json).config.eos_ids == std::vector<int64_t>{5});
  check_refused(gpt2(), "eos_token_id", "five");
  check_refused(gpt2(), "eos_token_id", Json::array({5, -1}));
}

TEST_CASE("Rotary settings are read in both spellings") {
  Json older = llama();
  older["rope_theta"] = 500000.0;
  older["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
  Json today = llama();
  today["rope_parameters"] = {{"rope_type", "linear"}, {"rope_theta", 500000.0}, {"factor", 4.0}};
  for (const Json& json : {older, today}) {
    const RotarySettings rotary = *read(json).config.rotary;
    CHECK(rotary.type == "linear");
    CHECK(rotary.theta == 500000.0);
    CHECK(rotary.factor == 4.0);
  }
  Json llama3 = llama();
  llama3["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", 8.0},
                            {"low_freq_factor", 1.0},
                            {"high_freq_factor", 4.0},
                            {"original_max_position_embeddings", 32}};
  CHECK(read(llama3).config.rotary->original_positions == 32);
  llama3["rope_scaling"].erase("original_max_position_embeddings");
  CHECK(read(llama3).config.rotary->original_positions == 64);
  CHECK(read(llama()).config.rotary->type == "default");
  CHECK(read(llama()).config.rotary->theta == 10000.0);
}

TEST_CASE("Rotary frequencies follow the scaling's formula") {
  RotarySettings settings;
  CHECK(rotary_frequencies(settings, 4)[1] == Approx(0.01));
  settings.type = "linear";
  settings.factor = 4;
  CHECK(rotary_frequencies(settings, 4)[1] == Approx(0.0025));
  // Wavelengths 6.28 and 628 against 64/4 and 64/1: the first is kept, the second divided.
  settings = {"llama3", 10000.0, 8.0, 1.0, 4.0, 64};
  CHECK(rotary_frequencies(settings, 4)[0] == 1.0f);
  CHECK(rotary_frequencies(settings, 4)[1] == Approx(0.01 / 8));
  // 62.8 against 1000/4 and 1000/10: between them once the bounds are 10 and 100.
  settings = {"llama3", 100.0, 8.0, 1.0, 10.0, 100};
  const double blend = (100 / (2 * 3.14159265358979 * 10) - 1) / 9;
  CHECK(rotary_frequencies(settings, 4)[1] == Approx((1 - blend) * 0.1 / 8 + blend * 0.1));
}

TEST_CASE("GPT-2 values that change the result and are not supported are refused by name") {
  check_refused(gpt2(), "activation_function", "gelu");
  check_refused(gpt2(), "activation_function", "relu");
  check_refused(gpt2(), "scale_attn_by_inverse_layer_idx", true);
  check_refused(gpt2(), "add_cross_attention", true);
  check_refused(gpt2(), "quantization_config", {{"bits", 4}});
  check_refused(gpt2(), "pruned_heads", {{"0", {1}}});
  check_refused(gpt2(), "auto_map", {{"AutoModel", "x.Y"}});
  check_refused(gpt2(), "is_encoder_decoder", true);
  check_refused(gpt2(), "is_causal", false);
}

TEST_CASE("GPT-2's sizes are read under their general names too, which win as in transformers") {
  const std::pair<const char*, const char*> names[] = {{"n_embd", "hidden_size"},
                                                       {"n_layer", "num_hidden_layers"},
                                                       {"n_head", "num_attention_heads"},
                                                       {"n_positions", "max_position_embeddings"}};
  const ModelConfig expected = read(gpt2()).config;
  for (const auto& [name, general] : names) {
    INFO(name);
    Json json = gpt2();
    const int64_t value = json.at(name);
    json[general] = value;
    json[name] = 2 * value;
    const auto check = [&] {
      const ModelConfig config = read(json).config;
      CHECK(config.width == expected.width);
      CHECK(config.layers == expected.layers);
      CHECK(config.heads == expected.heads);
      CHECK(config.context == expected.context);
    };
    check();
    json.erase(name);
    check();
  }
}

TEST_CASE("LLaMA values that change the result and are not supported are refused by name") {
  check_refused(llama(), "hidden_act", "gelu");
  check_refused(llama(), "is_causal", false);
  check_refused(llama(), "pretraining_tp", 2);
  check_refused(llama(), "partial_rotary_factor", 0.5);
  check_refused(llama(), "quantization_config", {{"bits", 4}});
  CHECK_THAT(refusal(llama(), "rope_scaling", {{"rope_type", "yarn"}, {"factor", 2.0}}),
             Contains("rope_scaling.rope_type") && Contains("yarn"));
  CHECK_THAT(refusal(llama(), "rope_parameters", {{"rope_type", "dynamic"}, {"factor", 2.0}}),
             Contains("rope_parameters.rope_type") && Contains("dynamic"));
  CHECK_THAT(refusal(llama(), "rope_parameters", {{"full_attention", {{"rope_theta", 1e4}}}}),
             Contains("per layer type"));
  CHECK_THAT(refusal(llama(), "rope_scaling", {{"type", "linear"}}), Contains("factor"));
}

TEST_CASE("A sliding window is refused where it is in force, and only there") {
  check_refused(llama("mistral"), "sliding_window", 63);
  Json json = llama("mistral");
  json["sliding_window"] = 64;
  CHECK_NOTHROW(read(json));
  json.erase("sliding_window");  // absent: 4096
  CHECK_NOTHROW(read(json));
  json["max_position_embeddings"] = 8192;
  CHECK_THAT(tests::error_text<InputError>([&] { read(json); }), Contains("sliding_window"));

  Json qwen2 = llama("qwen2");
  qwen2["sliding_window"] = 32;
  CHECK_NOTHROW(read(qwen2));  // use_sliding_window is false
  qwen2["use_sliding_window"] = true;
  CHECK_NOTHROW(read(qwen2));  // from layer 28 on, and there are two
  check_refused(qwen2, "layer_types", {"full_attention", "sliding_attention"});
  qwen2["max_window_layers"] = 1;
  CHECK_THAT(tests::error_text<InputError>([&] { read(qwen2); }), Contains("sliding_window"));
  qwen2["sliding_window"] = nullptr;
  CHECK_NOTHROW(read(qwen2));
}

TEST_CASE("Values that cannot change the result are passed over") {
  Json json = llama();
  json["architectures"] = {"LlamaForCausalLM"};
  json["torch_dtype"] = "bfloat16";
  json["use_cache"] = true;
  json["initializer_range"] = 0.02;
  json["transformers_version"] = "4.40.0";
  json["some_tool"] = {{"anything", {1, 2, 3}}};
  CHECK_NOTHROW(read(json));
  Json gpt = gpt2();
  gpt["reorder_and_upcast_attn"] = true;
  gpt["summary_type"] = "cls_index";
  gpt["activation_function"] = "gelu_pytorch_tanh";
  CHECK_NOTHROW(read(gpt));
}

TEST_CASE("Sizes that are no sizes are refused by name") {
  for (const Json& bad : {Json(0), Json(-3), Json(1.5), Json("12"), Json(int64_t{1} << 40)}) {
    check_refused(gpt2(), "n_embd", bad);
    check_refused(gpt2(), "n_layer", bad);
    check_refused(gpt2(), "n_head", bad);
    check_refused(gpt2(), "vocab_size", bad);
    check_refused(llama(), "hidden_size", bad);
    check_refused(llama(), "intermediate_size", bad);
    check_refused(llama(), "num_key_value_heads", bad);
    check_refused(llama(), "head_dim", bad);
    check_refused(llama(), "max_position_embeddings", bad);
  }
  check_refused(gpt2(), "n_head", 5);
  check_refused(llama(), "num_attention_heads", 5);
  check_refused(llama(), "head_dim", 7);
  check_refused(llama(), "head_dim", 1 << 20);
}

TEST_CASE("A config that is no model of ours is refused") {
  CHECK_THAT(refusal(gpt2(), "model_type", "gpt_neox"), Contains("supported are gpt2, llama"));
  CHECK_THAT(refusal(gpt2(), "model_type", "lama"), Contains("did you mean 'llama'"));
  CHECK_THAT(tests::error_text<InputError>([] { parse_model_shape("[]", "c.json"); }),
             Contains("c.json"));
  CHECK_THAT(tests::error_text<InputError>([] { parse_model_shape("{}", "c.json"); }),
             Contains("model_type"));
  CHECK_THAT(tests::error_text<InputError>([] { read_model_shape("/no/such/folder"); }),
             Contains("config.json"));
}

}  // namespace
}  // namespace rankscope
