// Each method's formula against the paper's counts and against what adapt() makes.
#include <catch2/catch.hpp>
#include <set>

#include "common/error.h"
#include "common/json.h"
#include "engine/methods/method.h"
#include "engine/models/memory_plan.h"
#include "tests/engine/models/model_folder.h"
#include "tests/error_text.h"

namespace rankscope {
namespace {

using Catch::Matchers::Contains;

std::unique_ptr<Method> method(const std::string& name,
                               const std::vector<std::string>& assignments = {}) {
  Settings settings;
  for (const std::string& assignment : assignments) settings.add(assignment);
  std::unique_ptr<Method> made = make_method(name, settings);
  settings.refuse_unknown("method " + name);
  return made;
}

std::string refusal(const std::string& name, const std::vector<std::string>& assignments) {
  return tests::error_text<InputError>([&] { method(name, assignments); });
}

// A GPT-2 shape of that width and depth, from its config alone.
ModelShape gpt2_shape(int64_t width, int64_t layers, int64_t heads) {
  const Json json = {{"model_type", "gpt2"}, {"n_embd", width},     {"n_layer", layers},
                     {"n_head", heads},      {"n_positions", 2048}, {"vocab_size", 50257}};
  return parse_model_shape(json.dump(), "config.json");
}

int64_t lora_count(const ModelShape& shape, const std::vector<std::string>& assignments) {
  return method("lora", assignments)->trainable_parameters(shape);
}

TEST_CASE("LoRA on GPT-3's shape has the paper's numbers of parameters") {
  // paper.md, 1.1: 2 L d r for each adapted type, d = 12288, L = 96.
  const ModelShape gpt3 = gpt2_shape(12288, 96, 96);
  CHECK(lora_count(gpt3, {"rank=1", "targets=Wq+Wv"}) == 4'718'592);
  CHECK(lora_count(gpt3, {"rank=2", "targets=Wv"}) == 4'718'592);
  CHECK(lora_count(gpt3, {"rank=2", "targets=Wq+Wv"}) == 9'437'184);
  CHECK(lora_count(gpt3, {"rank=1", "targets=attention"}) == 9'437'184);
  CHECK(lora_count(gpt3, {"rank=8", "targets=Wq"}) == 18'874'368);
  CHECK(lora_count(gpt3, {"rank=4", "targets=Wq+Wk"}) == 18'874'368);
  CHECK(lora_count(gpt3, {"rank=2", "targets=attention"}) == 18'874'368);
  CHECK(lora_count(gpt3, {"rank=8", "targets=Wq+Wv"}) == 37'748'736);
  CHECK(lora_count(gpt3, {"rank=4", "targets=attention"}) == 37'748'736);
  CHECK(lora_count(gpt3, {"rank=64", "targets=Wq+Wv"}) == 301'989'888);
  CHECK(lora_count(gpt3, {"rank=64", "targets=attention"}) == 603'979'776);
  // 11 d L biases in the layers, as in paper.md, and the final norm's d.
  CHECK(method("bitfit")->trainable_parameters(gpt3) == 11 * 12288 * 96 + 12288);
  CHECK(method("full")->trainable_parameters(gpt3) == gpt3.parameters());
  CHECK(gpt3.parameters() == 174'604'259'328);
}

int64_t count(const std::string& name, const ModelShape& shape,
              const std::vector<std::string>& assignments) {
  return method(name, assignments)->trainable_parameters(shape);
}

TEST_CASE("Adapters and prefixes on GPT-3's shape have the paper's numbers of parameters") {
  const ModelShape gpt3 = gpt2_shape(12288, 96, 96);
  const auto adapter = [&](int r) {
    return count("adapter_h", gpt3, {"bottleneck=" + std::to_string(r)});
  };
  // Table 15 prints 7.1, 21.2, 40.1, 77.9 and 304.4 million.
  CHECK(adapter(1) == 7'078'080);
  CHECK(adapter(4) == 21'234'432);
  CHECK(adapter(8) == 40'109'568);
  CHECK(adapter(16) == 77'859'840);
  CHECK(adapter(64) == 304'361'472);
  const auto embed = [&](int prefix) {
    return count("prefix_embed", gpt3, {"prefix=" + std::to_string(prefix), "infix=8"});
  };
  // Printed: 0.4, 0.9, 1.7, 3.2, 6.4 million.
  CHECK(embed(32) == 491'520);
  CHECK(embed(64) == 884'736);
  CHECK(embed(128) == 1'671'168);
  CHECK(embed(256) == 3'244'032);
  CHECK(embed(512) == 6'389'760);
}

// What Table 15 prints there is more than the paper's own formulas give (paper.md, 1.1).
TEST_CASE("Where the paper prints other numbers than its formulas give, these are the formulas'") {
  const ModelShape gpt3 = gpt2_shape(12288, 96, 96);
  const auto layer = [&](int prefix, int infix) {
    return count("prefix_layer", gpt3,
                 {"prefix=" + std::to_string(prefix), "infix=" + std::to_string(infix)});
  };
  const auto is_below = [](int64_t formula, double printed) {
    CHECK(static_cast<double>(formula) < 0.995 * printed);
    CHECK(static_cast<double>(formula) > 0.9 * printed);
  };
  CHECK(layer(2, 2) == 4'718'592);
  CHECK(layer(8, 0) == 9'437'184);
  CHECK(layer(8, 8) == 18'874'368);
  CHECK(layer(32, 4) == 42'467'328);
  CHECK(layer(64, 0) == 75'497'472);
  is_below(layer(2, 2), 5.1e6);
  is_below(layer(8, 0), 10.1e6);
  is_below(layer(8, 8), 20.2e6);
  is_below(layer(32, 4), 44.1e6);
  is_below(layer(64, 0), 76.1e6);
  const int64_t both =
      count("lora+prefix_layer", gpt3, {"rank=8", "targets=Wq+Wv", "prefix=8", "infix=4"});
  CHECK(both == 51'904'512);
  is_below(both, 52.8e6);
  // BitFit: printed 14.2 million fit 12 d for each layer, GPT-2's biases are 11 d.
  is_below(count("bitfit", gpt3, {}), 14.2e6 * 0.995);
  // GPT-2 medium's LoRA: printed 0.35 million, its prefix's count; large: 0.77.
  CHECK(count("lora", gpt2_shape(1024, 24, 16), {"rank=4"}) == 393'216);
  CHECK(count("lora", gpt2_shape(1280, 36, 20), {"rank=4"}) == 737'280);
}

TEST_CASE("Adapters of GPT-2 medium, and its two top layers, have the paper's numbers") {
  const ModelShape medium = gpt2_shape(1024, 24, 16);
  CHECK(count("adapter_l", medium, {"bottleneck=6"}) == 368'784);       // printed 0.37 million
  CHECK(count("adapter_l", medium, {"bottleneck=224"}) == 11'089'152);  // 11.09
  CHECK(count("ft_top2", medium, {}) == 25'192'448);                    // 25.19
  // RoBERTa-large's Adapter(P), 3.0 and 0.8 million, has the same formula and shape.
  CHECK(count("adapter_p", medium, {"bottleneck=64"}) == 24 * (2 * 1024 * 64 + 64 + 1024));
  CHECK(count("dora", medium, {"rank=4"}) == 393'216 + 24 * 2 * 1024);
  CHECK(count("adalora", medium, {"rank=4"}) == 24 * 2 * 6 * (2 * 1024 + 1));
  CHECK(count("prefix_kv", medium, {"prefix=4"}) == 2 * 24 * 1024 * 4);
}

TEST_CASE("LoRA on GPT-2 medium and large has the true counts") {
  CHECK(lora_count(gpt2_shape(1024, 24, 16), {"rank=4"}) == 393'216);
  CHECK(lora_count(gpt2_shape(1280, 36, 20), {"rank=4"}) == 737'280);
}

// Sums what adapt() really trains.
int64_t trained_size(const std::string& golden, const Method& chosen) {
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(tests::golden_folder(golden), *backend);
  const auto adaptation = chosen.adapt(*model, 0);
  int64_t total = 0;
  std::set<const Parameter*> seen;
  for (const TrainedParameter& trained : adaptation->trained()) {
    CHECK(trained.parameter->trainable());
    CHECK(seen.insert(trained.parameter).second);
    total += trained.parameter->value.size();
  }
  // What the formula was asked before must be what the reach says, too.
  const TrainingReach reach = chosen.reach(model->shape());
  CHECK(reach.lowest_layer == adaptation->lowest_trained_layer());
  return total;
}

TEST_CASE("Formulas give what adapt() makes") {
  for (const char* golden : {"gpt2_tied", "gpt2_untied", "llama_gqa", "llama_mqa_bias", "qwen2"}) {
    INFO(golden);
    const ModelShape shape = read_model_shape(tests::golden_folder(golden));
    std::vector<std::unique_ptr<Method>> methods;
    methods.push_back(method("none"));
    methods.push_back(method("full"));
    if (std::string(golden) != "llama_gqa") methods.push_back(method("bitfit"));
    methods.push_back(method("lora"));
    methods.push_back(method("lora", {"rank=3", "targets=all", "layers=1"}));
    methods.push_back(method("lora", {"targets=Wq+Wv+W2", "ranks=Wq:5,W2:0"}));
    for (const auto& each : methods) {
      INFO(each->name());
      CHECK(each->trainable_parameters(shape) == trained_size(golden, *each));
    }
  }
}

TEST_CASE("The golden models' counts are those of PyTorch") {
  for (const char* golden : {"gpt2_tied", "llama_gqa", "qwen2"}) {
    const ModelShape shape = read_model_shape(tests::golden_folder(golden));
    const Json recorded =
        read_json_file((tests::golden_folder(golden) / "golden.json").string()).at("methods");
    CHECK(method("full")->trainable_parameters(shape) ==
          recorded.at("full").at("trained_parameters").get<int64_t>());
    CHECK(lora_count(shape, {"rank=3"}) ==
          recorded.at("lora").at("trained_parameters").get<int64_t>());
    CHECK(recorded.contains("bitfit") == (std::string(golden) != "llama_gqa"));
    if (recorded.contains("bitfit")) {
      CHECK(method("bitfit")->trainable_parameters(shape) ==
            recorded.at("bitfit").at("trained_parameters").get<int64_t>());
    }
  }
}

TEST_CASE("BitFit is refused, with the reason, on a model without biases") {
  const ModelShape shape = read_model_shape(tests::golden_folder("llama_gqa"));
  CHECK_THAT(tests::error_text<InputError>([&] { method("bitfit")->trainable_parameters(shape); }),
             Contains("bitfit") && Contains("has none"));
}

TEST_CASE("BitFit trains biases of projections and norms, and no gain") {
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(tests::golden_folder("gpt2_tied"), *backend);
  const auto adaptation = method("bitfit")->adapt(*model, 0);
  for (const Parameter* parameter : model->parameters()) {
    INFO(parameter->name);
    CHECK(parameter->trainable() == parameter->name.ends_with(".bias"));
  }
  CHECK_FALSE(adaptation->trains_site_weight({0, SiteKind::Wq}));
}

TEST_CASE("Settings in force are told in full, in canonical form") {
  const auto told = method("lora", {"rank=4", "targets=Wv+Wq", "layers=0-2+5"})->settings();
  const std::map<std::string, std::string> expected = {
      {"rank", "4"},    {"alpha", "4"},       {"rslora", "false"},
      {"dropout", "0"}, {"targets", "Wq+Wv"}, {"layers", "0-2+5"},
      {"ranks", ""},    {"lr_ratio", "1"},    {"init", "kaiming"}};
  CHECK(told == expected);
}

TEST_CASE("One set of layers is told in one way") {
  for (const char* layers : {"layers=0-2+5", "layers=0+1+2+5", "layers=0-1+2+5"})
    CHECK(method("lora", {layers})->settings().at("layers") == "0-2+5");
}

TEST_CASE("What `ranks` leaves without use is no setting in force") {
  const auto in_force = [](const std::string& name, const std::vector<std::string>& assignments) {
    std::string text;
    const auto settings = method(name, assignments)->settings();
    for (const char* key : {"rank", "ranks", "alpha"}) {
      const auto found = settings.find(key);
      text += found == settings.end() ? " -" : " " + found->second;
    }
    return text;
  };
  for (const char* name : {"lora", "dora", "adalora", "lora+prefix_embed"}) {
    INFO(name);
    CHECK(in_force(name, {"rank=4"}) == in_force(name, {"rank=4", "alpha=4"}));
    CHECK(in_force(name, {"ranks=Wq:2,Wv:5"}) == " - Wq:2,Wv:5 -");
    CHECK(in_force(name, {"rank=4", "ranks=Wq:2,Wv:5"}) == " - Wq:2,Wv:5 -");
    CHECK(in_force(name, {"rank=4", "ranks=Wq:2"}) == " 4 Wq:2 -");
    CHECK(in_force(name, {"ranks=Wq:2,Wv:5", "alpha=3"}) == " - Wq:2,Wv:5 3");
  }
  // The settings in force, read again, are those in force.
  const auto told = method("lora", {"ranks=Wq:2,Wv:5", "rslora=true"})->settings();
  std::map<std::string, std::string> values = told;
  Settings again(std::move(values));
  CHECK(make_method("lora", again)->settings() == told);
}

TEST_CASE("Wrong settings are refused by key, with what is allowed") {
  CHECK_THAT(refusal("lora", {"rank=0"}), Contains("rank=0") && Contains("from 1 to"));
  CHECK_THAT(refusal("lora", {"rank=4x"}), Contains("rank"));
  CHECK_THAT(refusal("lora", {"alpha=nan"}), Contains("alpha"));
  CHECK_THAT(refusal("lora", {"dropout=1"}), Contains("dropout"));
  CHECK_THAT(refusal("lora", {"rslora=yes"}), Contains("true or false"));
  CHECK_THAT(refusal("lora", {"init=kaming"}), Contains("did you mean 'kaiming'"));
  CHECK_THAT(refusal("lora", {"targets=Wx"}), Contains("Wx"));
  CHECK_THAT(refusal("lora", {"layers=3-1"}), Contains("layers=3-1"));
  CHECK_THAT(refusal("lora", {"layers=2+1"}), Contains("rising"));
  CHECK_THAT(refusal("lora", {"ranks=Wk:4"}), Contains("ranks=Wk:4"));
  CHECK_THAT(refusal("lora", {"ranks=Wq:4,Wq:5"}), Contains("once"));
  CHECK_THAT(refusal("lora", {"rnak=4"}), Contains("rnak") && Contains("did you mean 'rank'"));
  CHECK_THAT(refusal("full", {"rank=4"}), Contains("no setting 'rank'"));
  CHECK_THAT(refusal("lora", {"rank"}), Contains("KEY=VALUE"));
  CHECK_THAT(refusal("lora", {"rank=1", "rank=2"}), Contains("twice"));
  CHECK_THAT(refusal("lorra", {}), Contains("did you mean 'lora'"));
}

TEST_CASE("LoRA settings that do not fit the model are refused") {
  const ModelShape shape = read_model_shape(tests::golden_folder("gpt2_tied"));
  const auto reason = [&](const std::vector<std::string>& assignments) {
    return tests::error_text<InputError>([&] { lora_count(shape, assignments); });
  };
  CHECK_THAT(reason({"layers=1-2"}), Contains("2 layers"));
  CHECK_THAT(reason({"targets=W3"}), Contains("no W3"));
  CHECK_THAT(reason({"ranks=Wq:0,Wv:0"}), Contains("no site is left"));
  CHECK(reason({"targets=all"}) == "nothing was thrown");
}

TEST_CASE("The memory plan counts 16-bit weights as they are stored, fp32 where they are adapted") {
  const ModelShape shape = gpt2_shape(768, 12, 12);
  const auto weights = [&](const std::string& name, const std::vector<std::string>& set,
                           DType stored) {
    return plan_memory(shape, *method(name, set), 1024, {.stored = stored}).packed_weights;
  };
  const int64_t head = 768 * shape.config.vocabulary, layer = 12 * 768 * 768;
  // And the head's bytes, a fourth of it in fp32.
  CHECK(weights("none", {}, DType::kF32) == 4 * (head + 12 * layer) + head);
  CHECK(weights("none", {}, DType::kBF16) == 2 * (head + 12 * layer) + head);
  CHECK(weights("lora", {"targets=all"}, DType::kBF16) == 2 * 2 * head + 8 * 12 * layer + head);
  // Wq, Wk and Wv are one tensor.
  CHECK(weights("lora", {"targets=Wq"}, DType::kF16) ==
        2 * 2 * (head + 12 * layer) + 4 * 12 * 3 * 768 * 768 + head);
  CHECK(weights("full", {}, DType::kBF16) == weights("full", {}, DType::kF32));
  // PiSSA trains beside fp32 copies, which are packed in both directions.
  CHECK(weights("lora", {"targets=W2", "init=pissa"}, DType::kBF16) ==
        weights("lora", {"targets=W2"}, DType::kBF16) + 4 * 12 * 4 * 768 * 768);

  // A large model's matrices are packed once for both directions.
  const ModelShape large = gpt2_shape(1280, 36, 20);
  const auto packed = plan_memory(large, *method("lora", {"targets=Wq"}), 1024).packed_weights;
  CHECK(large.packed_once());
  CHECK_FALSE(shape.packed_once());
  CHECK(packed ==
        (4 + 1) * 1280 * large.config.vocabulary + int64_t{4} * 36 * (12 + 3) * 1280 * 1280);
  CHECK(plan_memory(large, *method("lora", {"targets=Wq", "init=pissa"}), 1024).packed_weights ==
        packed);
}

TEST_CASE("The memory plan grows with what is trained and with the micro-batch") {
  const ModelShape shape = gpt2_shape(768, 12, 12);
  const auto plan = [&](const std::string& name, const std::vector<std::string>& set, int64_t n) {
    return plan_memory(shape, *method(name, set), n);
  };
  CHECK(plan("none", {}, 1024).trained == 0);
  CHECK(plan("lora", {}, 1024).trained == 16 * 294'912);
  CHECK(plan("full", {}, 1024).trained == 16 * shape.parameters());
  CHECK(plan("lora", {}, 2048).activations == 2 * plan("lora", {}, 1024).activations);
  CHECK(plan("lora", {"layers=11"}, 1024).activations < plan("lora", {}, 1024).activations);
  CHECK(plan("lora", {"layers=11"}, 1024).packed_weights < plan("lora", {}, 1024).packed_weights);
  CHECK(plan("full", {}, 1024).total() > plan("lora", {}, 1024).total());
  CHECK(plan("lora", {}, int64_t{1} << 60).activations > 0);
}

TEST_CASE("The memory plan counts the packed forms of adapters, and what a norm before one keeps") {
  const ModelShape shape = gpt2_shape(768, 12, 12);
  const auto plan = [&](const std::string& name, const PlanTarget& target) {
    return plan_memory(shape, *method(name, {"bottleneck=64"}), 1024, target);
  };
  const auto trainable = [&](const std::string& name) {
    return method(name, {"bottleneck=64"})->trainable_parameters(shape);
  };
  constexpr PlanTarget kFp32{.gpu = true}, kBf16{.gpu = true, .precision = DType::kBF16};
  const int64_t one = 12 * 2 * 768 * 64;  // down and up in every layer
  CHECK(plan("adapter_l", {}).trained == 16 * trainable("adapter_l") + 8 * one);
  CHECK(plan("adapter_h", {}).trained == 16 * trainable("adapter_h") + 8 * 2 * one);
  CHECK(plan("adapter_h", kFp32).trained == 16 * trainable("adapter_h"));
  CHECK(plan("adapter_h", kBf16).trained == 16 * trainable("adapter_h") + 4 * 2 * one);
  // One of the same width and place, but for the norm's input and its two sums.
  CHECK(plan("adapter_l", {}).activations ==
        plan("adapter_p", {}).activations + 1024 * 12 * 4 * (768 + 2));
  CHECK(plan("adapter_l", kBf16).activations ==
        plan("adapter_p", kBf16).activations + 1024 * 12 * (2 * 768 + 4 * 2));
}

TEST_CASE("The memory plan of a combination counts the base's layers that none of it trains") {
  const ModelShape shape = gpt2_shape(768, 12, 12);
  const auto plan = [&](const std::string& name, const std::vector<std::string>& set,
                        const PlanTarget& target) {
    return plan_memory(shape, *method(name, set), 1024, target);
  };
  const std::vector<std::string> below = {"targets=all", "layers=0-9"};
  for (const DType precision : {DType::kF32, DType::kBF16}) {
    const PlanTarget gpu{.gpu = true, .precision = precision};
    INFO(dtype_name(precision));
    const MemoryPlan top = plan("ft_top2", {}, gpu);
    const MemoryPlan prefixed = plan("ft_top2+prefix_embed", {"prefix=3"}, gpu);
    CHECK(prefixed.packed_weights == top.packed_weights);
    CHECK(prefixed.mapped_tables == top.mapped_tables);
    CHECK(prefixed.mapped_tables > 0);
    // Gradients pass all layers, of which the upper two keep what their weights' gradients need.
    CHECK(prefixed.activations > top.activations);
    CHECK(prefixed.activations < plan("full", {}, gpu).activations);
    const MemoryPlan lora = plan("lora", below, gpu);
    const MemoryPlan both = plan("lora+ft_top2", below, gpu);
    CHECK(both.packed_weights == top.packed_weights);
    CHECK(both.mapped_tables == top.mapped_tables);
    CHECK(both.trained == lora.trained + top.trained);
    CHECK(both.merged * 12 == plan("lora", {"targets=all"}, gpu).merged * 10);
    CHECK(both.activations == lora.activations);
  }
  const MemoryPlan top = plan("ft_top2", {}, {});
  const int64_t layer = 12 * 768 * 768;
  // Gradients pass the lower ten: both directions of their packed forms.
  CHECK(plan("ft_top2+prefix_embed", {"prefix=3"}, {}).packed_weights ==
        top.packed_weights + 4 * 10 * layer);
}

}  // namespace
}  // namespace rankscope
