// Combined adapters: what each way computes, and that the folder is one that load_adapter reads.
#include <catch2/catch.hpp>

#include <Eigen/Dense>
#include <algorithm>

#include "common/files.h"
#include "common/json.h"
#include "common/safetensors.h"
#include "engine/checkpoint/adapter_factors.h"
#include "engine/checkpoint/adapter_record.h"
#include "engine/checkpoint/combine_adapters.h"
#include "engine/checkpoint/peft_adapter.h"
#include "engine/methods/low_rank.h"
#include "tests/engine/checkpoint/saved_adapter.h"

namespace rankscope::tests {
namespace {

using Catch::Matchers::Contains;
using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
// Updates [out, in] by layer and site.
using Updates = std::map<std::pair<int, std::string>, Rows>;

Rows rows_of(const std::vector<float>& values, std::int64_t rows, std::int64_t cols) {
  Rows made(rows, cols);
  std::copy(values.begin(), values.end(), made.data());
  return made;
}

Updates updates_of(const std::filesystem::path& folder) {
  Updates all;
  for (const SiteFactors& f : AdapterReader(folder).read())
    all[{f.layer, f.site}] = f.scale * rows_of(f.b, f.out, f.rank) * rows_of(f.a, f.rank, f.in);
  return all;
}

Updates weighted_sum(const std::vector<AdapterPart>& parts) {
  Updates all;
  for (const AdapterPart& part : parts) {
    for (const auto& [place, update] : updates_of(part.folder)) {
      const auto [found, first] = all.emplace(place, part.weight * update);
      if (!first) found->second += part.weight * update;
    }
  }
  return all;
}

double apart(const Updates& a, const Updates& b) {
  double difference = 0, norm = 0;
  for (const auto& [place, update] : b) {
    const auto found = a.find(place);
    difference += (found == a.end() ? update : Rows(found->second - update)).squaredNorm();
    norm += update.squaredNorm();
  }
  return std::sqrt(difference / norm);
}

// Two adapters of one golden model, of unequal scales, and a third of PEFT's where one is named.
struct Pair {
  TemporaryFolder folder;
  std::vector<AdapterPart> parts;

  Pair(const std::string& golden, const std::vector<std::string>& one,
       const std::vector<std::string>& two, const std::string& of_peft = "") {
    Trained(golden, "lora", one, 5).save(folder / "one");
    Trained(golden, "lora", two, 6).save(folder / "two");
    parts = {{folder / "one", 0.75}, {folder / "two", -1.5}};
    if (!of_peft.empty()) parts.push_back({peft_folder(of_peft), 0.5});
  }
};

TEST_CASE("cat is the weighted sum, whatever ranks, scales and modules the adapters have") {
  const bool peft = GENERATE(false, true);
  const std::string golden = GENERATE(as<std::string>(), "gpt2_tied", "llama_gqa");
  INFO(golden << (peft ? ", one of PEFT's" : ""));
  const Pair pair(golden, {"targets=Wq+Wv", "ranks=Wq:3,Wv:5", "alpha=7"},
                  {"rank=2", "targets=attention", "rslora=true"},
                  !peft                   ? ""
                  : golden == "gpt2_tied" ? "gpt2_c_attn"
                                          : "llama_patterns");
  const auto out = pair.folder / "sum";
  const CombinedAdapter made = combine_adapters(out, pair.parts, CombineType::kCat, std::nullopt);
  CHECK(made.lost == 0);
  CHECK(std::filesystem::exists(out / kRecordFile) == !peft);
  CHECK(apart(updates_of(out), weighted_sum(pair.parts)) < 1e-6);

  // On the activations of the model: the base's and both adapters' contributions at every site.
  const Loaded loaded(golden, out);
  const auto& low_rank = dynamic_cast<const LowRankAdaptation&>(*loaded.adaptation);
  for (const auto& [place, sum] : weighted_sum(pair.parts)) {
    const LowRankUpdate* update =
        low_rank.update_at({place.first, site_kind(place.second).value()});
    if (sum.norm() == 0) continue;
    REQUIRE(update != nullptr);
    std::vector<float> x(static_cast<size_t>(sum.cols()));
    Draws(3, "test", place.second).fill_normal(x);
    const Rows input = rows_of(x, sum.cols(), 1);
    const Tensor &a = update->a->value, &b = update->b->value;
    const std::vector<float> a_values(a.values().begin(), a.values().end());
    const std::vector<float> b_values(b.values().begin(), b.values().end());
    const Rows got = double{update->scale} * rows_of(b_values, b.rows(), b.cols()) *
                     (rows_of(a_values, a.rows(), a.cols()) * input);
    CHECK((got - sum * input).norm() < 1e-6 * (sum * input).norm());
  }
}

TEST_CASE("cat of two adapters gives the logits of a base that has both merged into it") {
  const std::string golden = GENERATE(as<std::string>(), "gpt2_tied", "llama_gqa");
  Pair pair(golden, {"rank=3", "targets=all", "alpha=5"}, {"rank=2", "targets=all"});
  for (AdapterPart& part : pair.parts) part.weight = 1;
  combine_adapters(pair.folder / "sum", pair.parts, CombineType::kCat, std::nullopt);
  const Loaded both(golden, pair.folder / "one");
  both.adaptation->merge_into(*both.model);
  const auto second = load_adapter(pair.folder / "two", *both.model);
  const Loaded sum(golden, pair.folder / "sum");
  CHECK(largest_error(all_logits(*sum.model, sum.adaptation.get(), sum.golden.examples()),
                      all_logits(*both.model, second.get(), both.golden.examples())) < 1e-5);
}

TEST_CASE("svd is the best sum of its rank, and the sum itself where the rank allows") {
  const std::string golden = GENERATE(as<std::string>(), "gpt2_tied", "llama_gqa");
  const Pair pair(golden, {"rank=3", "targets=attention", "alpha=7"}, {"rank=2", "targets=Wq+W2"});
  const Updates sum = weighted_sum(pair.parts);
  const CombinedAdapter whole =
      combine_adapters(pair.folder / "whole", pair.parts, CombineType::kSvd, 5);
  CHECK(whole.lost < 1e-7);
  CHECK(apart(updates_of(pair.folder / "whole"), sum) < 1e-6);
  CHECK(combine_adapters(pair.folder / "more", pair.parts, CombineType::kSvd, 5000).lost < 1e-7);

  for (const std::int64_t rank : {0, 1, 2}) {  // 0: the largest of the sources
    const auto out = pair.folder / ("cut" + std::to_string(rank));
    const CombinedAdapter cut = combine_adapters(out, pair.parts, CombineType::kSvd,
                                                 rank ? std::optional(rank) : std::nullopt);
    const Updates got = updates_of(out);
    double tail = 0, all = 0;
    for (const auto& [place, update] : sum) {
      const Eigen::VectorXd values = Eigen::JacobiSVD<Eigen::MatrixXd>(update).singularValues();
      const std::int64_t kept = rank ? rank : place.second == "W2" ? 2 : 3;
      const Eigen::VectorXd rest = values.tail(values.size() - kept);
      all += values.squaredNorm();
      tail += rest.squaredNorm();
      if (!got.contains(place)) continue;
      CHECK((got.at(place) - update).norm() == Approx(rest.norm()).margin(1e-6 * values.norm()));
    }
    CHECK(cut.lost == Approx(std::sqrt(tail / all)).epsilon(1e-6));
    CHECK(apart(got, sum) == Approx(cut.lost).margin(1e-6));
    Loaded(golden, out);
  }
}

TEST_CASE("linear sums the factors, and so has the cross terms that the page tells of") {
  Pair pair("llama_gqa", {"rank=3", "alpha=6"}, {"rank=3", "alpha=2"});
  const auto out = pair.folder / "linear";
  combine_adapters(out, pair.parts, CombineType::kLinear, std::nullopt);
  const auto one = AdapterReader(pair.parts[0].folder).read();
  const auto two = AdapterReader(pair.parts[1].folder).read();
  const Updates got = updates_of(out), sum = weighted_sum(pair.parts);
  for (size_t i = 0; i < one.size(); ++i) {
    const SiteFactors &f = one[i], &g = two[i];
    const double u = std::sqrt(0.75 * f.scale), v = std::sqrt(1.5 * g.scale);
    const Rows a = u * rows_of(f.a, f.rank, f.in) - v * rows_of(g.a, g.rank, g.in);
    const Rows b = u * rows_of(f.b, f.out, f.rank) + v * rows_of(g.b, g.out, g.rank);
    CHECK((got.at({f.layer, f.site}) - b * a).norm() < 1e-6 * (b * a).norm());
  }
  CHECK(apart(got, sum) > 0.1);
}

TEST_CASE("One adapter can be scaled, or truncated") {
  Pair pair("gpt2_tied", {"rank=4", "alpha=6"}, {"rank=1"});
  pair.parts.resize(1);
  for (const auto type : {CombineType::kCat, CombineType::kLinear, CombineType::kSvd}) {
    const auto out = pair.folder / std::to_string(static_cast<int>(type));
    combine_adapters(out, pair.parts, type, std::nullopt);
    CHECK(apart(updates_of(out), weighted_sum(pair.parts)) < 1e-6);
  }
}

// A folder of PEFT's form, of rank 1 at those modules.
void write_peft_folder(const std::filesystem::path& folder, const std::vector<std::string>& modules,
                       float value, const Json& more = Json::object()) {
  std::filesystem::create_directory(folder);
  const std::vector<float> values(4, value);
  std::vector<TensorToWrite> tensors;
  for (const std::string& module : modules) {
    const std::string stem = std::string(kPeftModulePrefix) + module;
    tensors.push_back({stem + ".lora_A.weight", DType::kF32, {1, 4}, values.data()});
    tensors.push_back({stem + ".lora_B.weight", DType::kF32, {4, 1}, values.data()});
  }
  write_safetensors(folder / kPeftWeightsFile, std::move(tensors));
  Json config = {{"peft_type", "LORA"}, {"r", 1}, {"lora_alpha", 1}, {"target_modules", modules}};
  config.update(more);
  write_file_atomically(folder / kPeftConfigFile, config.dump());
}

TEST_CASE("PEFT's adapters of any family are summed module by module") {
  // An encoder's and a decoder's matrices of one layer, and one that stands in no layer.
  const std::vector<std::string> modules =
      GENERATE(std::vector<std::string>{"model.decoder.layers.0.encoder_attn.q_proj",
                                        "model.decoder.layers.0.self_attn.q_proj",
                                        "model.encoder.layers.0.self_attn.q_proj"},
               std::vector<std::string>{"decoder.block.0.layer.0.SelfAttention.q",
                                        "decoder.block.0.layer.1.EncDecAttention.q",
                                        "encoder.block.0.layer.0.SelfAttention.q"},
               std::vector<std::string>{"encoder.layer.0.attention.output.dense", "pooler.dense"});
  const TemporaryFolder folder;
  write_peft_folder(folder / "one", modules, 1);
  write_peft_folder(folder / "two", modules, 2);
  // One of the modules alone.
  write_peft_folder(folder / "first", {modules.front()}, 3);
  const auto out = folder / "sum";
  combine_adapters(out, {{folder / "one", 1}, {folder / "two", 0.5}, {folder / "first", 1}},
                   CombineType::kCat, std::nullopt);
  const std::vector<SiteFactors> sum = read_factors_of(out, FactorUnit::kModules);
  REQUIRE(sum.size() == modules.size());
  for (const std::string& module : modules) {
    INFO(module);
    const auto f = std::ranges::find(sum, module, &SiteFactors::module);
    REQUIRE(f != sum.end());
    const double expected = 1 * 1 + 0.5 * 2 * 2 + (module == modules.front() ? 3 * 3 : 0);
    const Rows update = f->scale * rows_of(f->b, 4, f->rank) * rows_of(f->a, f->rank, 4);
    CHECK(update.isApprox(Rows::Constant(4, 4, expected), 1e-6));
  }
  combine_adapters(folder / "alone", {{folder / "one", 1}}, CombineType::kCat, std::nullopt);
}

TEST_CASE("A sum has the task type that all its sources have") {
  const TemporaryFolder folder;
  const auto task_type = [&](const Json& one, const Json& two) {
    const auto write = [&](const char* name, const Json& type) {
      std::filesystem::remove_all(folder / name);
      write_peft_folder(folder / name, {"encoder.layer.0.attention.self.query"}, 1,
                        type.is_discarded() ? Json::object() : Json{{"task_type", type}});
    };
    write("one", one);
    write("two", two);
    std::filesystem::remove_all(folder / "sum");
    combine_adapters(folder / "sum", {{folder / "one", 1}, {folder / "two", 1}}, CombineType::kCat,
                     std::nullopt);
    return read_json_file(folder / "sum" / kPeftConfigFile).at("task_type");
  };
  const Json absent(Json::value_t::discarded);
  CHECK(task_type("FEATURE_EXTRACTION", "FEATURE_EXTRACTION") == "FEATURE_EXTRACTION");
  CHECK(task_type("CAUSAL_LM", "CAUSAL_LM") == "CAUSAL_LM");
  CHECK(task_type("CAUSAL_LM", "FEATURE_EXTRACTION").is_null());
  CHECK(task_type("CAUSAL_LM", nullptr).is_null());
  CHECK(task_type(absent, absent).is_null());
}

TEST_CASE("Adapters that cannot be combined are refused, and nothing is written") {
  Pair pair("llama_gqa", {"rank=3"}, {"rank=2"});
  const auto out = pair.folder / "out";
  const auto refusal = [&](CombineType type = CombineType::kCat) {
    const std::string text =
        error_text<InputError>([&] { combine_adapters(out, pair.parts, type, std::nullopt); });
    CHECK_FALSE(std::filesystem::exists(out));
    return text;
  };
  SECTION("unequal ranks") {
    CHECK_THAT(refusal(CombineType::kLinear), Contains("ranks 3 and 2") && Contains("cat or svd"));
  }
  SECTION("another base") {
    Trained("llama_mqa_bias", "lora", {"rank=3"}).save(pair.folder / "other");
    pair.parts[1].folder = pair.folder / "other";
    CHECK_THAT(refusal(), Contains("one base"));
  }
  SECTION("another method") {
    for (const char* name : {"llama_dora_q_v_up", "llama_adalora", "llama_prefix_tuning"}) {
      pair.parts[1].folder = peft_folder(name);
      CHECK_THAT(refusal(), Contains(".safetensors") || Contains("adapter_config.json"));
    }
    pair.parts[1].folder = peft_folder("llama_dora_q_v_up");
    CHECK_THAT(refusal(), Contains("`combine` takes LoRA adapters alone") &&
                              Contains("`merge --dtype f32` makes of this one"));
    Trained("llama_gqa", "full").save(pair.folder / "full");
    pair.parts[1].folder = pair.folder / "full";
    CHECK_THAT(refusal(), Contains("full: holds what full trained, which is no low-rank update"));
  }
  SECTION("values that are no numbers") {
    Trained broken("llama_gqa", "lora", {"rank=2"});
    broken.adaptation->trained()[1].parameter->value.values()[0] = NAN;
    broken.save(pair.folder / "broken");
    pair.parts[1].folder = pair.folder / "broken";
    for (const auto type : {CombineType::kCat, CombineType::kSvd})
      CHECK_THAT(refusal(type), Contains("broken") && Contains("not a number"));
  }
  SECTION("a sum that overflows") {
    pair.parts[0].weight = pair.parts[1].weight = 1e300;
    CHECK_THAT(refusal(), Contains("combined adapter"));
  }
  SECTION("weights that PEFT pickled") {
    const PeftFolder pickled("llama_q_v", "llama_gqa");
    std::filesystem::rename(pickled.path() / kPeftWeightsFile,
                            pickled.path() / "adapter_model.bin");
    pair.parts[1].folder = pickled.path();
    CHECK_THAT(refusal(), Contains("adapter_model.bin' is a pickle"));
  }
  SECTION("modules that were saved whole") {
    const PeftFolder saved("llama_q_v", "llama_gqa");
    saved.change_config("modules_to_save", {"lm_head"});
    pair.parts[1].folder = saved.path();
    CHECK_THAT(refusal(), Contains("modules_to_save"));
  }
  SECTION("an embedding that was saved whole") {
    const PeftFolder saved("llama_q_v", "llama_gqa");
    saved.change_tensors([](OwnedTensors& tensors) {
      tensors["base_model.model.model.embed_tokens.weight"] = tensors.begin()->second;
    });
    pair.parts[1].folder = saved.path();
    CHECK_THAT(refusal(), Contains("embed_tokens.weight' was saved whole, which is not supported"));
  }
  SECTION("weights that are not those of the record, beside a folder that has none") {
    OwnedTensors tensors = read_tensors(pair.parts[0].folder / kPeftWeightsFile);
    tensors.begin()->second.bytes[0] ^= std::byte{1};
    write_tensors(pair.parts[0].folder / kPeftWeightsFile, tensors);
    pair.parts[1].folder = peft_folder("llama_q_v");
    CHECK_THAT(refusal(), Contains("one/adapter_model.safetensors: is not the file that "
                                   "rankscope.json describes"));
  }
  SECTION("one module under two names") {
    const PeftFolder headless("llama_q_v", "llama_gqa");
    headless.change_tensors([](OwnedTensors& tensors) {
      OwnedTensors renamed;
      for (auto& [name, tensor] : tensors) {
        std::string bare = name;
        bare.erase(bare.find("model.layers"), 6);
        renamed[bare] = tensor;
      }
      tensors = renamed;
    });
    pair.parts[1].folder = headless.path();
    CHECK_THAT(refusal(), Contains("have Wq of layer 0 in 'layers.0.self_attn.q_proj' and in "
                                   "'model.layers.0.self_attn.q_proj'"));
  }
  SECTION("a site that one family has in a module of three") {
    const bool peft = GENERATE(false, true);
    Trained("gpt2_tied", "lora", {"rank=3"}).save(pair.folder / "gpt2");
    pair.parts[0].folder = peft ? peft_folder("gpt2_c_attn") : pair.folder / "gpt2";
    CHECK_THAT(refusal(), Contains("have Wq of layer 0 in 'model.layers.0.self_attn.q_proj' and "
                                   "in 'transformer.h.0.attn.c_attn'"));
  }
  SECTION("a folder that is there already") {
    std::filesystem::create_directory(pair.folder / "there");
    CHECK_THAT(error_text<InputError>([&] {
                 combine_adapters(pair.folder / "there", pair.parts, CombineType::kCat,
                                  std::nullopt);
               }),
               Contains("there"));
  }
}

}  // namespace
}  // namespace rankscope::tests
