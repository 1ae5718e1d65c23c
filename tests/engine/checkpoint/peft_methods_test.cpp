// DoRA, AdaLoRA, prefix tuning and prompt tuning as PEFT folders: ours come back bit for bit and,
// read as PEFT reads them, as the same function; PEFT's are read by its rules, and damaged ones
// refused. (PEFT's likelihoods are in adapter_test.cpp.)
#include <catch2/catch.hpp>

#include <cstring>

#include "engine/checkpoint/adapter_record.h"
#include "engine/methods/dora.h"
#include "tests/engine/checkpoint/saved_adapter.h"

namespace rankscope::tests {
namespace {

using Catch::Matchers::Contains;

std::map<std::string, std::vector<float>> trained_values(Adaptation& adaptation) {
  std::map<std::string, std::vector<float>> all;
  for (const TrainedParameter& trained : adaptation.trained()) {
    const auto values = trained.parameter->value.values();
    all[trained.parameter->name].assign(values.begin(), values.end());
  }
  return all;
}

Json config_of(const std::filesystem::path& folder) {
  return read_json_file(folder / "adapter_config.json");
}

TEST_CASE(
    "PEFT folders of other methods come back bit for bit, and without the record as one function") {
  struct Example {
    std::string golden, method;
    std::vector<std::string> settings;
    std::string type;
  };
  const Example example = GENERATE(
      Example{"gpt2_tied", "dora", {"rank=3", "targets=all", "alpha=7"}, "LORA"},
      Example{"gpt2_tied", "dora", {"rank=2", "targets=Wk", "layers=1", "dropout=0.1"}, "LORA"},
      Example{"gpt2_untied", "dora", {"targets=attention", "ranks=Wq:3,Wv:1", "alpha=8"}, "LORA"},
      Example{"llama_gqa", "dora", {"rank=4", "targets=all", "rslora=true"}, "LORA"},
      Example{"gpt2_tied", "prefix_kv", {"prefix=3"}, "PREFIX_TUNING"},
      Example{"llama_gqa", "prefix_kv", {"prefix=5", "init=random"}, "PREFIX_TUNING"},
      Example{"gpt2_tied", "prefix_embed", {"prefix=4"}, "PROMPT_TUNING"},
      Example{"llama_mqa_bias", "prefix_embed", {"prefix=1"}, "PROMPT_TUNING"});
  INFO(example.golden << " " << example.method << " " << Json(example.settings).dump());
  TemporaryFolder folder;
  Trained trained(example.golden, example.method, example.settings);
  trained.save(folder / "adapter");
  CHECK(config_of(folder / "adapter").at("peft_type") == example.type);
  const Loaded loaded(example.golden, folder / "adapter");
  CHECK(trained_values(*loaded.adaptation) == trained_values(*trained.adaptation));
  CHECK(loaded.nll() == trained.nll());

  std::filesystem::remove(folder / "adapter" / kRecordFile);
  const std::vector<double> expected = trained.nll();
  const std::vector<double> as_peft = Loaded(example.golden, folder / "adapter").nll();
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(as_peft[i] == Approx(expected[i]).epsilon(1e-5));
  }
}

TEST_CASE("A prefix_embed with an infix, which PEFT has not, keeps its own file") {
  TemporaryFolder folder;
  Trained trained("gpt2_tied", "prefix_embed", {"prefix=3", "infix=2"});
  trained.save(folder / "adapter");
  CHECK(std::filesystem::exists(folder / "adapter" / "adapter.safetensors"));
  CHECK_FALSE(std::filesystem::exists(folder / "adapter" / "adapter_config.json"));
  CHECK(Loaded("gpt2_tied", folder / "adapter").nll() == trained.nll());
}

TEST_CASE("DoRA of a part of c_attn leaves the other sites' outputs at the base's norms") {
  TemporaryFolder folder;
  Trained trained("gpt2_tied", "dora", {"rank=2", "targets=Wv"});
  trained.save(folder / "adapter");
  CHECK(config_of(folder / "adapter").at("use_dora") == true);
  const auto tensors = read_tensors(folder / "adapter" / "adapter_model.safetensors");
  const std::string stem = "base_model.model.transformer.h.1.attn.c_attn.";
  REQUIRE(tensors.contains(stem + "lora_magnitude_vector"));
  const OwnedTensor& stored = tensors.at(stem + "lora_magnitude_vector");
  REQUIRE(stored.shape == std::vector<int64_t>{108});
  std::vector<float> magnitude(108);
  std::memcpy(magnitude.data(), stored.bytes.data(), stored.bytes.size());
  const Site key{1, SiteKind::Wk}, value{1, SiteKind::Wv};
  const auto squares = squares_of_outputs(*trained.model, *trained.model->shape().find(key));
  const auto& own = dynamic_cast<DoraAdaptation&>(*trained.adaptation).magnitude(value);
  for (size_t i = 0; i < 36; ++i) {
    CHECK(magnitude[36 + i] == static_cast<float>(std::sqrt(squares[i])));
    CHECK(magnitude[72 + i] == own.value.values()[i]);
  }
}

TEST_CASE("AdaLoRA's modules that kept no triple are left out, and E is in A") {
  const Loaded loaded("llama_gqa", peft_folder("llama_adalora"));
  const auto& low_rank = dynamic_cast<const LowRankAdaptation&>(*loaded.adaptation);
  CHECK_FALSE(low_rank.factors().contains({1, SiteKind::Wq}));
  REQUIRE(low_rank.factors().contains({0, SiteKind::Wk}));
  const auto& factors = *low_rank.factors().at({0, SiteKind::Wk});
  CHECK(factors.a.value.rows() == 2);
  CHECK(factors.scale == Approx(9 / (6 + 1e-5)).epsilon(1e-12));
  const auto tensors = read_tensors(peft_folder("llama_adalora") / "adapter_model.safetensors");
  const std::string stem = "base_model.model.model.layers.0.self_attn.k_proj.lora_";
  const auto first = [&](const char* name) {
    float value = 0;
    std::memcpy(&value, tensors.at(stem + name).bytes.data(), sizeof value);
    return value;
  };
  CHECK(factors.a.value.values()[0] == first("A") * first("E"));
}

// No budget leaves it so: it is the rank that the sites have at the end, or more.
TEST_CASE("An AdaLoRA adaptation that has no triple left has no folder") {
  TemporaryFolder folder;
  Trained trained("llama_gqa", "adalora", {"rank=2"});
  for (Parameter* state : trained.adaptation->state()) {
    if (state->name.ends_with(".mask")) trained.backend->fill_zero(state->value.matrix());
  }
  for (const TrainedParameter& t : trained.adaptation->trained()) {
    if (t.parameter->name.ends_with(".lora_E"))
      trained.backend->fill_zero(t.parameter->value.matrix());
  }
  CHECK_THAT(error_text<std::logic_error>([&] { trained.save(folder / "adapter"); }),
             Contains("no site with an update"));
  CHECK_FALSE(std::filesystem::exists(folder / "adapter"));
}

TEST_CASE("Damaged DoRA adapters are refused") {
  const PeftFolder folder("llama_dora_q_v_up", "llama_gqa");
  const std::string magnitude =
      "base_model.model.model.layers.1.self_attn.q_proj.lora_magnitude_vector";
  REQUIRE(folder.refusal() == "nothing was thrown");
  CHECK_THAT(folder.refusal_with("use_dora", false), Contains("lora_magnitude_vector"));
  CHECK_THAT(folder.refusal_with("use_dora", "yes"), Contains("use_dora"));
  SECTION("a magnitude that is missing") {
    folder.change_tensors([&](OwnedTensors& t) { t.erase(magnitude); });
    CHECK_THAT(folder.refusal(), Contains("lora_A but no lora_magnitude_vector"));
  }
  SECTION("a magnitude of another shape") {
    folder.change_tensors([&](OwnedTensors& t) { t.at(magnitude).shape = {1, 48}; });
    CHECK_THAT(folder.refusal(), Contains("lora_magnitude_vector") && Contains("[1, 48]"));
  }
  SECTION("a file that broke off") {
    folder.cut_tensors_short();
    CHECK_THAT(folder.refusal(), Contains("adapter_model.safetensors"));
  }
}

TEST_CASE("Damaged AdaLoRA adapters are refused") {
  const PeftFolder folder("llama_adalora", "llama_gqa");
  const std::string stem = "base_model.model.model.layers.0.self_attn.k_proj.lora_";
  const std::string key = "model.layers.0.self_attn.k_proj.lora_E";
  REQUIRE(folder.refusal() == "nothing was thrown");
  CHECK_THAT(folder.refusal_with("rank_pattern", nullptr),
             Contains("rank 6") && Contains("rank 2"));
  CHECK_THAT(folder.refusal_with("rank_pattern", {{key, {true, true}}}),
             Contains("init_r booleans"));
  CHECK_THAT(folder.refusal_with("rank_pattern", {{key, 3}}), Contains("rank_pattern"));
  CHECK_THAT(folder.refusal_with("rank_pattern", 3), Contains("rank_pattern"));
  for (const Json& value : {Json(-1), Json(0), Json(1e9), Json("six")}) {
    INFO(value.dump());
    CHECK_THAT(folder.refusal_with("init_r", value), Contains("init_r"));
  }
  CHECK_THAT(folder.refusal_with("use_rslora", true), Contains("use_rslora"));
  CHECK_THAT(folder.refusal_with("use_dora", true), Contains("use_dora"));
  CHECK_THAT(folder.refusal_with("alpha_pattern", {{"q_proj", 3}}), Contains("alpha_pattern"));
  CHECK_THAT(folder.refusal_with("peft_type", "LORA"), Contains("rank_pattern"));
  SECTION("no E") {
    folder.change_tensors([&](OwnedTensors& t) { t.erase(stem + "E"); });
    CHECK_THAT(folder.refusal(), Contains("lora_A but no lora_E"));
  }
  SECTION("E of another shape") {
    folder.change_tensors([&](OwnedTensors& t) { t.at(stem + "E").shape = {1, 2}; });
    CHECK_THAT(folder.refusal(), Contains("lora_E") && Contains("shape"));
  }
  SECTION("a file that broke off") {
    folder.cut_tensors_short();
    CHECK_THAT(folder.refusal(), Contains("adapter_model.safetensors"));
  }
}

TEST_CASE("Damaged prompts and prefixes are refused") {
  const bool prefix = GENERATE(true, false);
  const PeftFolder folder(prefix ? "llama_prefix_tuning" : "llama_prompt_tuning", "llama_gqa");
  REQUIRE(folder.refusal() == "nothing was thrown");
  for (const Json& value : {Json(-3), Json(0), Json(1e18), Json(int64_t{1} << 62), Json(2.5),
                            Json("3"), Json(nullptr)}) {
    INFO(value.dump());
    CHECK_THAT(folder.refusal_with("num_virtual_tokens", value), Contains("num_virtual_tokens"));
  }
  CHECK_THAT(folder.refusal_with("num_virtual_tokens", 60000), Contains("context"));
  CHECK_THAT(folder.refusal_with("num_virtual_tokens", 2), Contains("prompt_embeddings"));
  CHECK_THAT(folder.refusal_with("token_dim", 12), Contains("token_dim"));
  CHECK_THAT(folder.refusal_with("num_layers", 3), Contains("num_layers"));
  CHECK_THAT(folder.refusal_with("num_transformer_submodules", 2),
             Contains("num_transformer_submodules"));
  CHECK_THAT(folder.refusal_with("modules_to_save", {"lm_head"}), Contains("modules_to_save"));
  CHECK_THAT(folder.refusal_with("a_feature_to_come", true), Contains("a_feature_to_come"));
  CHECK_THAT(folder.refusal_with("peft_type", prefix ? "PROMPT_TUNING" : "PREFIX_TUNING"),
             Contains("token_dim"));
  // Keys cut into other heads; embeddings have none.
  const std::string heads = folder.refusal_with("num_attention_heads", 12);
  if (prefix)
    CHECK_THAT(heads, Contains("num_attention_heads"));
  else
    CHECK(heads == "nothing was thrown");
  // What is stored has been projected.
  CHECK(folder.refusal_with("prefix_projection", true) == "nothing was thrown");
  SECTION("another shape") {
    folder.change_tensors([](OwnedTensors& t) {
      std::vector<int64_t>& shape = t.at("prompt_embeddings").shape;
      std::swap(shape[0], shape[1]);
    });
    CHECK_THAT(folder.refusal(), Contains("prompt_embeddings") && Contains("shape"));
  }
  SECTION("another name") {
    folder.change_tensors(
        [](OwnedTensors& t) { t["prompts"] = t.extract("prompt_embeddings").mapped(); });
    CHECK_THAT(folder.refusal(), Contains("prompt_embeddings"));
  }
  SECTION("a tensor too many") {
    folder.change_tensors([](OwnedTensors& t) { t["more"] = t.at("prompt_embeddings"); });
    CHECK_THAT(folder.refusal(), Contains("beside prompt_embeddings"));
  }
  SECTION("a file that broke off") {
    folder.cut_tensors_short();
    CHECK_THAT(folder.refusal(), Contains("adapter_model.safetensors"));
  }
}

TEST_CASE("A record whose method has no such weights file is refused") {
  TemporaryFolder folder;
  Trained("gpt2_tied", "prefix_kv", {"prefix=3"}).save(folder / "adapter");
  const auto refusal_of = [&](const std::string& method, const Json& settings) {
    Json record = read_json_file(folder / "adapter" / kRecordFile);
    record["method"] = method;
    record["settings"] = settings;
    write_file_atomically(folder / "adapter" / kRecordFile, record.dump());
    return error_text<InputError>([&] { Loaded("gpt2_tied", folder / "adapter"); });
  };
  CHECK_THAT(refusal_of("adapter_h", Json::object()), Contains("weights_file"));
  CHECK_THAT(refusal_of("lora+prefix_embed", Json::object()), Contains("weights_file"));
  CHECK_THAT(refusal_of("prefix_embed", {{"prefix", "3"}, {"infix", "1"}}),
             Contains("weights_file"));
  CHECK_THAT(refusal_of("prefix_kv", {{"prefix", "4"}}), Contains("prompt_embeddings"));
  CHECK_THAT(refusal_of("dora", Json::object()), Contains("prompt_embeddings"));
}

}  // namespace
}  // namespace rankscope::tests
