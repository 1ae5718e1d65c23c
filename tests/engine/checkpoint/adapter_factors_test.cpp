// Factors read without a base are those that are read with it, of our own adapters and of PEFT's.
#include "engine/checkpoint/adapter_factors.h"

#include <catch2/catch.hpp>

#include "common/draws.h"
#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "engine/checkpoint/adapter.h"
#include "engine/checkpoint/adapter_record.h"
#include "engine/checkpoint/module_sites.h"
#include "engine/methods/low_rank.h"
#include "tests/engine/goldens/golden_case.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace rankscope {
namespace {

using tests::GoldenCase;

// By layer and name, as AdapterReader gives them.
void check_same(const std::vector<SiteFactors>& read, const LowRankAdaptation& adaptation) {
  REQUIRE(read.size() == adaptation.factors().size());
  for (const SiteFactors& f : read) {
    INFO(f.layer << " " << f.site);
    const Site site{f.layer, site_kind(f.site).value()};
    const LowRankAdaptation::Factors& factors = *adaptation.factors().at(site);
    const auto a = factors.a.value.values(), b = factors.b.value.values();
    CHECK(f.rank == factors.a.value.rows());
    CHECK(f.in == factors.a.value.cols());
    CHECK(f.out == factors.b.value.rows());
    CHECK(f.a == std::vector<float>(a.begin(), a.end()));
    CHECK(f.b == std::vector<float>(b.begin(), b.end()));
    CHECK(f.scale == Approx(factors.scale).epsilon(1e-12));
  }
}

const LowRankAdaptation& low_rank(const Adaptation& adaptation) {
  return dynamic_cast<const LowRankAdaptation&>(adaptation);
}

TEST_CASE("Factors of our own adapters are read without their base") {
  struct Example {
    std::string golden;
    std::vector<std::string> settings;
  };
  const Example example = GENERATE(
      Example{"gpt2_tied", {"rank=3", "targets=all", "alpha=7"}},
      Example{"gpt2_tied", {"rank=4", "targets=attention", "ranks=Wq:3,Wk:7,Wv:1", "alpha=4"}},
      Example{"gpt2_untied", {"rank=5", "rslora=true", "layers=1"}},
      Example{"llama_gqa", {"rank=4", "targets=all", "ranks=Wv:2,W2:0"}});
  INFO(example.golden << " " << Json(example.settings).dump());
  const std::unique_ptr<Backend> backend = make_cpu_backend(1);
  const GoldenCase golden(example.golden);
  const std::unique_ptr<Model> model = golden.load(*backend);
  Settings settings;
  for (const std::string& assignment : example.settings) settings.add(assignment);
  const std::unique_ptr<Method> method = make_method("lora", settings);
  const std::unique_ptr<Adaptation> adaptation = method->adapt(*model, 1);
  for (const TrainedParameter& trained : adaptation->trained())
    Draws(5, "test", trained.parameter->name).fill_normal(trained.parameter->value.values());
  const tests::TemporaryFolder folder;
  save_adapter(folder / "adapter", *model, *adaptation, *method);
  check_same(AdapterReader(folder / "adapter").read(), low_rank(*adaptation));
}

TEST_CASE("Factors of PEFT's adapters are read without their base") {
  const std::string name =
      GENERATE(as<std::string>(), "gpt2_c_attn", "gpt2_c_attn_c_proj_c_fc", "llama_q_v",
               "llama_patterns", "llama_rslora", "llama_layers", "qwen2_all_linear");
  INFO(name);
  const std::filesystem::path folder =
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/peft" / name;
  const std::string base = read_json_file((folder / "nll.json").string()).at("model");
  const std::unique_ptr<Backend> backend = make_cpu_backend(1);
  const std::unique_ptr<Model> model = GoldenCase(base).load(*backend);
  check_same(AdapterReader(folder).read(), low_rank(*load_adapter(folder, *model)));
}

TEST_CASE("Modules of the usual families are placed by their names") {
  const auto sites = [](const char* module) {
    const std::optional<ModuleSites> found = sites_of_module(module);
    REQUIRE(found);
    std::string text = std::to_string(found->layer);
    for (const std::string& site : found->sites) text += " " + site;
    return text;
  };
  CHECK(sites("transformer.h.11.attn.c_attn") == "11 Wq Wk Wv");
  CHECK(sites("transformer.h.0.attn.c_proj") == "0 Wo");
  CHECK(sites("transformer.h.0.mlp.c_proj") == "0 W2");
  CHECK(sites("model.layers.7.self_attn.q_proj") == "7 Wq");
  CHECK(sites("model.layers.7.mlp.gate_proj") == "7 W3");
  CHECK(sites("roberta.encoder.layer.5.attention.self.query") == "5 Wq");
  CHECK(sites("roberta.encoder.layer.5.attention.self.value") == "5 Wv");
  CHECK(sites("roberta.encoder.layer.5.attention.output.dense") == "5 Wo");
  CHECK(sites("roberta.encoder.layer.5.output.dense") == "5 W2");
  CHECK(sites("deberta.encoder.layer.2.attention.self.query_proj") == "2 Wq");
  CHECK(sites("model.layers.3.self_attn.kv_a_proj_with_mqa") == "3 kv_a_proj_with_mqa");
  CHECK_FALSE(sites_of_module("lm_head"));
}

TEST_CASE("Damaged adapters are refused by name") {
  const std::filesystem::path source =
      std::filesystem::path(RANKSCOPE_SOURCE_DIR) / "tests/reference/peft/llama_q_v";
  const tests::TemporaryFolder folder;
  std::filesystem::copy(source, folder / "adapter", std::filesystem::copy_options::recursive);
  const auto refused = [&] {
    return tests::error_text<InputError>([&] { AdapterReader(folder / "adapter").read(); });
  };
  using Catch::Matchers::Contains;
  SECTION("no weights") {
    std::filesystem::remove(folder / "adapter/adapter_model.safetensors");
    CHECK_THAT(refused(), Contains("adapter_model.safetensors"));
  }
  SECTION("no config") {
    std::filesystem::remove(folder / "adapter/adapter_config.json");
    CHECK_THAT(refused(), Contains("adapter_config.json"));
  }
  SECTION("another rank in the config") {
    std::string config = read_text_file(folder / "adapter/adapter_config.json");
    const std::size_t at = config.find("\"r\": 3");
    REQUIRE(at != std::string::npos);
    config.replace(at, 6, "\"r\": 5");
    write_file_atomically(folder / "adapter/adapter_config.json", config);
    CHECK_THAT(refused(), Contains("rank 5") && Contains("rank 3"));
  }
  SECTION("a tensor that is no factor") {
    const std::vector<float> values(4, 1.0f);
    write_safetensors(folder / "adapter/adapter_model.safetensors",
                      {{"base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
                        DType::kF32,
                        {4},
                        values.data()}});
    CHECK_THAT(refused(), Contains("lora_magnitude_vector"));
  }
  SECTION("one factor alone, and a module without a layer") {
    const std::vector<float> values(8, 1.0f);
    write_safetensors(folder / "adapter/adapter_model.safetensors",
                      {{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                        DType::kF32,
                        {2, 4},
                        values.data()}});
    CHECK_THAT(refused(), Contains("lacks one of its two factors"));
    for (const auto& [in, out] : {std::pair<int64_t, int64_t>{0, 4}, {4, 0}}) {
      write_safetensors(folder / "adapter/adapter_model.safetensors",
                        {{"base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
                          DType::kF32,
                          {2, in},
                          values.data()},
                         {"base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight",
                          DType::kF32,
                          {out, 2},
                          values.data()}});
      CHECK_THAT(refused(), Contains("has a factor without elements"));
    }
    write_safetensors(
        folder / "adapter/adapter_model.safetensors",
        {{"base_model.model.lm_head.lora_A.weight", DType::kF32, {2, 4}, values.data()},
         {"base_model.model.lm_head.lora_B.weight", DType::kF32, {4, 2}, values.data()}});
    CHECK_THAT(refused(), Contains("lm_head") && Contains("no layer"));
  }
}

}  // namespace
}  // namespace rankscope
