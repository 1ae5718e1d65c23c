// Saved adaptations: our own come back bit for bit, PEFT's give PEFT's likelihoods, and what cannot
// be read right is refused by name.
#include "engine/checkpoint/adapter.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <set>

#include "engine/checkpoint/adapter_factors.h"
#include "engine/checkpoint/adapter_record.h"
#include "engine/methods/low_rank.h"
#include "tests/engine/checkpoint/saved_adapter.h"

namespace rankscope {
namespace {

using Catch::Matchers::Contains;
using tests::Loaded;
using tests::OwnedTensors;
using tests::PeftFolder;
using tests::Trained;

std::map<std::string, std::vector<float>> values_of(Adaptation& adaptation) {
  std::map<std::string, std::vector<float>> all;
  const auto& low_rank = dynamic_cast<const LowRankAdaptation&>(adaptation);
  for (const auto& [site, factors] : low_rank.factors()) {
    for (const Parameter* p : {&factors->a, &factors->b}) {
      const auto values = p->value.values();
      all[p->name].assign(values.begin(), values.end());
    }
    all[site.name() + ".scale"] = {low_rank.update_at(site)->scale};
    all[site.name() + ".dropout"] = {low_rank.update_at(site)->dropout};
  }
  return all;
}

Json config_of(const std::filesystem::path& folder) {
  return read_json_file((folder / "adapter_config.json").string());
}

TEST_CASE("A LoRA adapter of our own comes back to the same sites bit for bit") {
  struct Example {
    std::string golden;
    std::vector<std::string> settings;
  };
  const Example example = GENERATE(
      Example{"gpt2_tied", {"rank=4"}}, Example{"gpt2_tied", {"rank=3", "targets=all", "alpha=7"}},
      Example{"gpt2_tied", {"rank=3", "targets=Wk", "layers=1", "dropout=0.1"}},
      Example{"gpt2_tied", {"rank=4", "targets=attention", "ranks=Wq:3,Wk:7,Wv:1", "alpha=4"}},
      Example{"gpt2_tied", {"ranks=Wq:3,Wv:5", "rslora=true"}},
      Example{"gpt2_untied", {"rank=5", "rslora=true", "alpha=3"}},
      Example{"llama_gqa", {"rank=4", "targets=all", "ranks=Wv:2,W2:0"}},
      Example{"llama_mqa_bias", {"rank=6", "layers=1", "rslora=true", "alpha=11"}});
  INFO(example.golden << " " << Json(example.settings).dump());
  tests::TemporaryFolder folder;
  Trained trained(example.golden, "lora", example.settings);
  trained.save(folder / "adapter");
  const Loaded loaded(example.golden, folder / "adapter");
  CHECK(values_of(*loaded.adaptation) == values_of(*trained.adaptation));
  CHECK(loaded.nll() == trained.nll());

  // Read as PEFT reads it, the same function within rounding.
  std::filesystem::remove(folder / "adapter" / kRecordFile);
  const std::vector<double> expected = trained.nll();
  const std::vector<double> as_peft = Loaded(example.golden, folder / "adapter").nll();
  for (size_t i = 0; i < expected.size(); ++i) {
    CHECK(as_peft[i] == Approx(expected[i]).epsilon(1e-5));
  }
}

TEST_CASE("The PEFT config says what the adapter is") {
  tests::TemporaryFolder folder;
  SECTION("c_attn: ranks add up and alpha keeps the scale") {
    Trained("gpt2_tied", "lora", {"rank=4", "alpha=8"}).save(folder / "adapter");
    const Json config = config_of(folder / "adapter");
    CHECK(config.at("r") == 8);
    CHECK(config.at("lora_alpha") == 16);
    CHECK(config.at("target_modules") == Json({"c_attn"}));
    CHECK(config.at("fan_in_fan_out") == true);
    CHECK(config.at("rank_pattern").empty());
    CHECK(config.at("layers_to_transform").is_null());
    const auto tensors = tests::read_tensors(folder / "adapter" / "adapter_model.safetensors");
    REQUIRE(tensors.contains("base_model.model.transformer.h.1.attn.c_attn.lora_B.weight"));
    const auto& b = tensors.at("base_model.model.transformer.h.1.attn.c_attn.lora_B.weight");
    CHECK(b.shape == std::vector<int64_t>{108, 8});
    // Wk's rows are zero, and Wq's in the columns of Wv.
    std::vector<float> values(108 * 8);
    std::memcpy(values.data(), b.bytes.data(), b.bytes.size());
    for (size_t row = 0; row < 108; ++row) {
      for (size_t column = 0; column < 8; ++column) {
        const bool on_diagonal = (row < 36 && column < 4) || (row >= 72 && column >= 4);
        CHECK((values[row * 8 + column] != 0.0f) == on_diagonal);
      }
    }
  }
  SECTION("a second rank goes into the patterns") {
    Trained("llama_gqa", "lora", {"rank=4", "alpha=8", "ranks=Wv:2"}).save(folder / "adapter");
    const Json config = config_of(folder / "adapter");
    CHECK(config.at("r") == 4);
    CHECK(config.at("lora_alpha") == 8);
    CHECK(config.at("rank_pattern") == Json({{"v_proj", 2}}));
    CHECK(config.at("alpha_pattern").empty());
    CHECK(config.at("fan_in_fan_out") == false);
  }
  SECTION("without alpha each rank is its own") {
    Trained("llama_gqa", "lora", {"ranks=Wq:2,Wv:5"}).save(folder / "adapter");
    const Json config = config_of(folder / "adapter");
    CHECK(config.at("r") == 2);
    CHECK(config.at("lora_alpha") == 2);
    CHECK(config.at("rank_pattern") == Json({{"v_proj", 5}}));
    CHECK(config.at("alpha_pattern") == Json({{"v_proj", 5}}));
  }
  SECTION("layers and rsLoRA") {
    Trained("gpt2_tied", "lora", {"rank=4", "alpha=6", "rslora=true", "targets=Wo", "layers=1"})
        .save(folder / "adapter");
    const Json config = config_of(folder / "adapter");
    CHECK(config.at("use_rslora") == true);
    CHECK(config.at("lora_alpha") == 6);
    CHECK(config.at("target_modules") == Json({"attn.c_proj"}));
    CHECK(config.at("layers_to_transform") == Json({1}));
    CHECK(config.at("layers_pattern") == "h");
  }
}

TEST_CASE("The PEFT config names a base whose path is no UTF-8") {
  for (const char* name : {"lora", "prefix_kv"}) {
    INFO(name);
    const tests::TemporaryFolder folder;
    const std::filesystem::path base = folder / "base\xff";
    std::filesystem::copy(tests::golden_folder("gpt2_tied"), base);
    const auto backend = make_cpu_backend(1);
    const auto model = load_model(base, *backend);
    Settings settings;
    const auto method = make_method(name, settings);
    const auto adaptation = method->adapt(*model, 1);
    save_adapter(folder / "adapter", *model, *adaptation, *method);
    CHECK(config_of(folder / "adapter").at("base_model_name_or_path") ==
          (folder / "base\xef\xbf\xbd").string());
  }
}

TEST_CASE("Adapters that PEFT wrote give PEFT's likelihoods") {
  const std::string name =
      GENERATE(as<std::string>(), "gpt2_c_attn", "gpt2_c_attn_c_proj_c_fc", "llama_q_v",
               "llama_patterns", "llama_rslora", "llama_layers", "qwen2_all_linear", "llama_pissa",
               "gpt2_dora_c_attn", "llama_dora_q_v_up", "llama_adalora", "gpt2_prefix_tuning",
               "llama_prefix_tuning", "gpt2_prompt_tuning", "llama_prompt_tuning");
  INFO(name);
  const auto folder = tests::peft_folder(name);
  const Json expected = read_json_file((folder / "nll.json").string());
  const Loaded loaded(expected.at("model").get<std::string>(), folder);
  const std::vector<double> nll = loaded.nll();
  REQUIRE(nll.size() == expected.at("nll").size());
  for (size_t i = 0; i < nll.size(); ++i) {
    CHECK(nll[i] == Approx(expected.at("nll")[i].get<double>()).epsilon(1e-5));
  }
}

TEST_CASE("The sites of PEFT's c_attn adapter share one A") {
  const auto folder = tests::peft_folder("gpt2_c_attn");
  const Loaded loaded("gpt2_tied", folder);
  auto values = values_of(*loaded.adaptation);
  CHECK(values.at("layers.0.Wq.lora_A") == values.at("layers.0.Wv.lora_A"));
  CHECK(values.at("layers.0.Wq.lora_A") == values.at("layers.0.Wk.lora_A"));
  CHECK(values.at("layers.0.Wq.lora_B") != values.at("layers.0.Wv.lora_B"));
}

TEST_CASE("full, bitfit and none come back bit for bit") {
  const std::string method = GENERATE(as<std::string>(), "full", "bitfit", "none");
  INFO(method);
  tests::TemporaryFolder folder;
  Trained trained("gpt2_tied", method);
  trained.save(folder / "adapter");
  const Loaded loaded("gpt2_tied", folder / "adapter");
  CHECK(loaded.model->weights_hash() == trained.model->weights_hash());
  CHECK(loaded.nll() == trained.nll());
  for (const Parameter* parameter : loaded.model->parameters()) CHECK_FALSE(parameter->trainable());
}

TEST_CASE("What full saves is a model folder of its own") {
  tests::TemporaryFolder folder;
  Trained trained("dtypes/bf16", "full");
  trained.save(folder / "model");
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(folder / "model", *backend);
  CHECK(model->weights_hash() == trained.model->weights_hash());
  CHECK(read_json_file((folder / "model" / "config.json").string()).at("dtype") == "float32");
}

TEST_CASE("An older adapter is replaced whole") {
  tests::TemporaryFolder folder;
  Trained("gpt2_tied", "lora", {"ranks=Wq:3,Wv:5", "alpha=8"}).save(folder / "adapter");
  CHECK(std::filesystem::exists(folder / "adapter" / "rankscope.safetensors"));
  Trained("gpt2_tied", "bitfit").save(folder / "adapter");
  std::set<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(folder / "adapter")) {
    names.insert(file.path().filename().string());
  }
  CHECK(names == std::set<std::string>{"bias.safetensors", "rankscope.json"});
}

TEST_CASE("Features of PEFT that change results and are not supported are refused by name") {
  const PeftFolder folder("llama_q_v", "llama_gqa");
  REQUIRE(folder.refusal() == "nothing was thrown");
  const std::vector<std::pair<std::string, Json>> features = {{"use_qalora", true},
                                                              {"lora_bias", true},
                                                              {"bias", "all"},
                                                              {"modules_to_save", {"lm_head"}},
                                                              {"exclude_modules", {"v_proj"}},
                                                              {"layer_replication", {{0, 1}}},
                                                              {"trainable_token_indices", {1, 2}},
                                                              {"target_parameters", {"x"}},
                                                              {"alora_invocation_tokens", {1}},
                                                              {"use_bdlora", {{"nblocks", 2}}},
                                                              {"arrow_config", {{"top_k", 2}}},
                                                              {"megatron_config", {{"a", 1}}},
                                                              {"init_lora_weights", "pissa"},
                                                              {"peft_type", "P_TUNING"},
                                                              {"a_feature_to_come", true}};
  for (const auto& [key, value] : features) {
    INFO(key);
    CHECK_THAT(folder.refusal_with(key, value), Contains("field '" + key + "'"));
  }
  for (const char* kind : {"gaussian", "mica"})
    CHECK(folder.refusal_with("init_lora_weights", kind) == "nothing was thrown");
  CHECK_THAT(folder.refusal_with("alora_invocation_tokens", {1}), !Contains("merge the adapter"));
  CHECK(folder.refusal_with("base_model_name_or_path", "x/y") == "nothing was thrown");
}

TEST_CASE("A PEFT config that disagrees with its tensors is refused") {
  const PeftFolder folder("llama_q_v", "llama_gqa");
  CHECK_THAT(folder.refusal_with("target_modules", Json({"q_proj"})),
             Contains("does not cover module") && Contains("v_proj"));
  // So they are where the factors are read without their base.
  for (const auto& [key, value] : {std::pair<const char*, Json>{"target_modules", Json({"q_proj"})},
                                   {"layers_to_transform", Json({0})}}) {
    INFO(key);
    const PeftFolder changed("llama_q_v", "llama_gqa");
    changed.change_config(key, value);
    const std::string with_base = changed.refusal();
    CHECK_THAT(with_base, Contains("does not cover module"));
    for (const FactorUnit unit : {FactorUnit::kSites, FactorUnit::kModules})
      CHECK(tests::error_text<InputError>([&] { read_factors_of(changed.path(), unit); }) ==
            with_base);
    CHECK(tests::error_text<InputError>([&] { AdapterReader{changed.path()}; }) == with_base);
  }
  CHECK_THAT(folder.refusal_with("target_modules", Json({"q_proj", "v_proj", "k_proj"})),
             Contains("covers module") && Contains("k_proj"));
  CHECK_THAT(folder.refusal_with("layers_to_transform", Json({0})), Contains("layers.1."));
  CHECK_THAT(folder.refusal_with("r", 4), Contains("rank 4") && Contains("rank 3"));
  CHECK_THAT(folder.refusal_with("rank_pattern", {{"v_proj", 2}}), Contains("v_proj"));
  CHECK(folder.refusal_with("target_modules", ".*\\.(q|v)_proj") == "nothing was thrown");
  CHECK_THAT(folder.refusal_with("target_modules", ".*q_proj"), Contains("does not cover"));
  CHECK(folder.refusal_with("layers_to_transform", Json({0, 1})) == "nothing was thrown");
}

TEST_CASE("Patterns select the modules that PEFT's select, or are refused") {
  const PeftFolder folder("llama_q_v", "llama_gqa");
  const auto scale_of = [&](Site site) {
    const Loaded loaded("llama_gqa", folder.path());
    return loaded.adaptation->update_at(site)->scale;
  };
  const float plain = scale_of({0, SiteKind::Wq});
  const auto write_patterns = [&](const std::string& alphas) {
    Json config = read_json_file(folder.path() / "adapter_config.json");
    config["alpha_pattern"] = "HERE";
    std::string text = config.dump();
    text.replace(text.find("\"HERE\""), 6, alphas);
    write_file_atomically(folder.path() / "adapter_config.json", text);
  };
  // The first of the file that matches.
  write_patterns(R"({"q_proj": 30, "layers.0.self_attn.q_proj": 60})");
  CHECK(scale_of({0, SiteKind::Wq}) == 10.0f);
  write_patterns(R"({"layers.0.self_attn.q_proj": 60, "q_proj": 30})");
  CHECK(scale_of({0, SiteKind::Wq}) == 20.0f);
  CHECK(scale_of({1, SiteKind::Wq}) == 10.0f);
  CHECK(scale_of({0, SiteKind::Wv}) == plain);
  // A beginning is that of the model which the adapter was made of.
  write_patterns(R"({"^layers.0.self_attn.q_proj": 60})");
  CHECK(scale_of({0, SiteKind::Wq}) == plain);
  folder.change_tensors([](OwnedTensors& tensors) {
    OwnedTensors without_head;
    for (auto& [name, tensor] : tensors) {
      std::string shorter = name;
      shorter.erase(shorter.find("model.layers"), 6);
      without_head[shorter] = std::move(tensor);
    }
    tensors = std::move(without_head);
  });
  CHECK(scale_of({0, SiteKind::Wq}) == 20.0f);
  write_patterns(R"({"model.layers.0.self_attn.q_proj": 60})");
  CHECK(scale_of({0, SiteKind::Wq}) == plain);
  CHECK(folder.refusal_with("target_modules", "layers\\.[01]\\.self_attn\\.(q|v)_proj") ==
        "nothing was thrown");
  for (const char* foreign : {"q_proj\\Z", "\\A.*q_proj", "[]q]_proj", "[^]v]_proj",
                              "[[:alpha:]]_proj", "\\S++q_proj", "q_proj\\1", "(?i)q_proj"}) {
    INFO(foreign);
    CHECK_THAT(folder.refusal_with("alpha_pattern", {{foreign, 60}}), Contains("alpha_pattern"));
  }
  CHECK(folder.refusal_with("alpha_pattern", {{".*[qk]_proj|v_proj?", 60}}) ==
        "nothing was thrown");
}

TEST_CASE("Pickled weights of PEFT are refused by name") {
  const PeftFolder folder("llama_q_v", "llama_gqa");
  std::filesystem::rename(folder.path() / "adapter_model.safetensors",
                          folder.path() / "adapter_model.bin");
  CHECK_THAT(folder.refusal(), Contains("adapter_model.bin' is a pickle"));
}

TEST_CASE("A module's whole path is a target in every layer, as in PEFT") {
  const PeftFolder folder("llama_q_v", "llama_gqa");
  const Json layer_1 = {"model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj",
                        "q_proj", "v_proj"};
  folder.change_config("target_modules", layer_1);
  CHECK(folder.refusal_with("layers_to_transform", Json({0})) == "nothing was thrown");
}

TEST_CASE("Patterns that could hang or crash a matcher are refused or harmless") {
  const PeftFolder folder("llama_q_v", "llama_gqa");
  CHECK_THAT(folder.refusal_with("target_modules", "(a{1000}){1000}"), Contains("has {,"));
  CHECK_THAT(folder.refusal_with("target_modules", std::string(5000, '(')), Contains("too long"));
  CHECK_THAT(folder.refusal_with("target_modules", "(unclosed"), Contains("regular expression"));
  CHECK_THAT(folder.refusal_with("target_modules", "(([a-z._0-9]*)*)*\\*"),
             Contains("does not cover"));
  CHECK_THAT(folder.refusal_with("rank_pattern", {{std::string(200, '('), 2}}),
             Contains("rank_pattern"));
  CHECK_THAT(folder.refusal_with("rank_pattern", {{"(q)\\77777777777777777777", 2}}),
             Contains("has \\7,"));
}

TEST_CASE("Tensors that are no factors of this model are refused") {
  const PeftFolder folder("llama_q_v", "llama_gqa");
  const std::string stem = "base_model.model.model.layers.1.self_attn.q_proj.lora_";
  SECTION("an unknown module") {
    folder.change_tensors(
        [](OwnedTensors& t) { t["base_model.model.lm_head.lora_A.weight"] = t.begin()->second; });
    CHECK_THAT(folder.refusal(), Contains("lm_head.lora_A"));
  }
  SECTION("an embedding's factor") {
    folder.change_tensors([](OwnedTensors& t) {
      t["base_model.model.model.embed_tokens.lora_embedding_A"] = t.begin()->second;
    });
    CHECK_THAT(folder.refusal(), Contains("lora_embedding_A"));
  }
  SECTION("an embedding that was saved whole") {
    const auto tensor =
        GENERATE(as<std::string>(), "base_model.model.model.embed_tokens.weight",
                 "base_model.model.lm_head.base_layer.weight", "base_model.model.score.bias");
    folder.change_tensors([&](OwnedTensors& t) { t[tensor] = t.begin()->second; });
    CHECK_THAT(folder.refusal(),
               Contains("tensor '" + tensor + "' was saved whole, which is not supported"));
  }
  SECTION("half a pair") {
    folder.change_tensors([&](OwnedTensors& t) { t.erase(stem + "B.weight"); });
    CHECK_THAT(folder.refusal(), Contains("lora_A but no lora_B"));
  }
  SECTION("a wrong shape") {
    folder.change_tensors([&](OwnedTensors& t) { t.at(stem + "A.weight").shape = {48, 3}; });
    CHECK_THAT(folder.refusal(), Contains("lora_") && Contains("shape"));
  }
  SECTION("a scalar") {
    folder.change_tensors([&](OwnedTensors& t) {
      t.at(stem + "A.weight") = {DType::kF32, {}, std::vector<std::byte>(4)};
    });
    CHECK_THAT(folder.refusal(), Contains("shape []"));
  }
  SECTION("none at all") {
    folder.change_tensors([](OwnedTensors& t) { t.clear(); });
    CHECK_THAT(folder.refusal(), Contains("no LoRA factors"));
  }
}

TEST_CASE("An adapter of another model is refused") {
  tests::TemporaryFolder folder;
  Trained("gpt2_tied", "lora").save(folder / "lora");
  Trained("gpt2_tied", "bitfit").save(folder / "bitfit");
  for (const char* name : {"lora", "bitfit"}) {
    const std::string text =
        tests::error_text<InputError>([&] { Loaded("llama_gqa", folder / name); });
    CHECK_THAT(text, Contains(".safetensors: "));
  }
}

TEST_CASE("A damaged adapter of our own is refused") {
  tests::TemporaryFolder folder;
  const auto adapter = folder / "adapter";
  Trained("gpt2_tied", "lora", {"ranks=Wq:3,Wv:5", "alpha=8"}).save(adapter);
  const auto refusal = [&] {
    return tests::error_text<InputError>([&] { Loaded("gpt2_tied", adapter); });
  };
  const auto refusal_without_base = [&] {
    return tests::error_text<InputError>([&] { AdapterReader{adapter}; });
  };
  const auto change_record = [&](const std::function<void(Json&)>& change) {
    Json record = read_json_file((adapter / kRecordFile).string());
    change(record);
    write_file_atomically(adapter / kRecordFile, record.dump());
  };
  REQUIRE(refusal() == "nothing was thrown");
  SECTION("changed weights") {
    OwnedTensors tensors = tests::read_tensors(adapter / "adapter_model.safetensors");
    tensors.begin()->second.bytes[0] ^= std::byte{1};
    tests::write_tensors(adapter / "adapter_model.safetensors", tensors);
    CHECK_THAT(refusal(), Contains("SHA-256"));
  }
  SECTION("no weights") {
    std::filesystem::remove(adapter / "adapter_model.safetensors");
    CHECK_THAT(refusal(), Contains("adapter_model.safetensors"));
  }
  SECTION("no exact factors") {
    std::filesystem::remove(adapter / "rankscope.safetensors");
    CHECK_THAT(refusal(), Contains("rankscope.safetensors"));
  }
  SECTION("changed exact factors") {
    OwnedTensors tensors = tests::read_tensors(adapter / kExactFile);
    tensors.begin()->second.bytes[0] ^= std::byte{1};
    tests::write_tensors(adapter / kExactFile, tensors);
    CHECK_THAT(refusal(), Contains("rankscope.safetensors: is not the file"));
    CHECK(refusal_without_base() == refusal());
    // An older program's record has no hash of them.
    change_record([](Json& r) { REQUIRE(r.erase("exact_sha256") == 1); });
    CHECK(refusal() == "nothing was thrown");
    CHECK(refusal_without_base() == "nothing was thrown");
  }
  SECTION("a site too many") {
    change_record([](Json& r) { r["sites"].push_back(r["sites"][0]); });
    CHECK_THAT(refusal(), Contains("twice"));
    CHECK(refusal_without_base() == refusal());
  }
  SECTION("a site too few") {
    change_record([](Json& r) { r["sites"].erase(0); });
    CHECK_THAT(refusal(), Contains("whole rank"));
    CHECK(refusal_without_base() == refusal());
  }
  SECTION("too much rank") {
    change_record([](Json& r) { r["sites"][0]["rank"] = 1000; });
    CHECK_THAT(refusal(), Contains("more rank"));
    CHECK(refusal_without_base() == refusal());
  }
  SECTION("a layer that is not there") {
    change_record([](Json& r) { r["sites"][0]["layer"] = 9; });
    CHECK_THAT(refusal(), Contains("layers.9.Wq"));
  }
  SECTION("another method") {
    change_record([](Json& r) { r["method"] = "prefix"; });
    CHECK_THAT(refusal(), Contains("'prefix'"));
  }
  SECTION("a file elsewhere") {
    change_record([](Json& r) { r["weights_file"] = "../x.safetensors"; });
    CHECK_THAT(refusal(), Contains("weights_file"));
  }
  SECTION("an unknown key") {
    change_record([](Json& r) { r["sitse"] = 1; });
    CHECK_THAT(refusal(), Contains("sitse"));
  }
  SECTION("nothing") {
    std::filesystem::remove_all(adapter);
    CHECK_THAT(refusal(), Contains("neither rankscope.json nor adapter_config.json"));
  }
}

}  // namespace
}  // namespace rankscope
