// A merged model, written and loaded, against the base with the adapter beside it.
#include <catch2/catch.hpp>

#include "engine/checkpoint/model_folder.h"
#include "tests/engine/checkpoint/saved_adapter.h"
#include "tests/engine/methods/every_method.h"
#include "tests/shared_files.h"
#include "tests/skip.h"

namespace rankscope::tests {
namespace {

using Catch::Matchers::Contains;

// Of logits, over their largest magnitude. fp32 weights differ by the rounding of W + update
// (measured 2.6e-6 to 3.7e-6). Weights that are rounded to bf16, half a unit in the eighth binary
// place each, differ as any bf16 copy of a model does: measured 1.3e-2 (lora), 7.3e-3 (dora),
// 5.3e-3 (adalora).
constexpr double kFp32 = 2e-5, kBf16 = 3e-2;

std::vector<TokenExample> stories() {
  std::vector<TokenExample> examples;
  const Json file =
      read_json_file(std::string(RANKSCOPE_SOURCE_DIR) + "/tests/reference/stories3m_nll.json");
  for (const Json& e : file.at("examples")) {
    examples.push_back({e.at("prompt_ids").get<std::vector<int32_t>>(),
                        e.at("target_ids").get<std::vector<int32_t>>()});
  }
  return examples;
}

TEST_CASE("stories3m: merged logits are those of the adapter beside the base") {
  const auto folder = shared_file("models/stories3m");
  if (!folder) RANKSCOPE_SKIP("no models/stories3m in RANKSCOPE_SHARED");
  const MethodSettings about =
      GENERATE(MethodSettings{"lora", {"rank=8", "targets=all", "alpha=16"}},
               MethodSettings{"dora", {"rank=8", "targets=attention", "alpha=16"}},
               MethodSettings{"adalora", {"rank=4", "targets=attention"}});
  const DType stored = GENERATE(DType::kF32, DType::kBF16);
  INFO(about.method << " over " << dtype_name(stored));
  const auto backend = make_cpu_backend(2);
  const TemporaryFolder work;
  std::filesystem::create_directory(work / "base");
  write_model(work / "base", *load_model(*folder, *backend), stored, NotFinite::kRefuse);

  const auto model = load_model(work / "base", *backend);
  const auto adaptation = about.make()->adapt(*model, 1);
  disturb(*model, *adaptation);
  const std::vector<TokenExample> examples = stories();
  const std::vector<float> beside = all_logits(*model, adaptation.get(), examples);
  CHECK(largest_error(all_logits(*model, nullptr, examples), beside) > 0.05);
  REQUIRE(adaptation->merges_whole());
  adaptation->merge_into(*model);
  CHECK(largest_error(all_logits(*model, nullptr, examples), beside) < kFp32);
  for (const WrittenDType written : {WrittenDType{}, WrittenDType{DType::kF32}}) {
    const auto made = work / (written ? "f32" : "base_type");
    std::filesystem::create_directory(made);
    write_model(made, *model, written, NotFinite::kRefuse);
    const auto merged = load_model(made, *backend);
    CHECK(merged->stored_dtype(merged->head().parameter()->name) == written.value_or(stored));
    const double error = largest_error(all_logits(*merged, nullptr, examples), beside);
    INFO("written " << (written ? "f32" : "as the base") << ": " << error);
    CHECK(error < (written.value_or(stored) == DType::kF32 ? kFp32 : kBf16));
  }
}

TEST_CASE("A model's folder keeps each tensor's type, or has the one that is asked for") {
  const std::string name = GENERATE(as<std::string>(), "gpt2_tied", "dtypes/bf16", "dtypes/f16");
  const WrittenDType written = GENERATE(WrittenDType{}, WrittenDType{DType::kF32},
                                        WrittenDType{DType::kBF16}, WrittenDType{DType::kF16});
  INFO(name << " as " << (written ? dtype_name(*written) : "stored"));
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(golden_folder(name), *backend);
  const TemporaryFolder folder;
  write_model(folder.path(), *model, written, NotFinite::kRefuse);
  const auto copy = load_model(folder.path(), *backend);
  const DType stored = model->stored_dtype(model->shape().embedding);
  for (const TensorSpec& spec : copy->shape().tensors)
    CHECK(copy->stored_dtype(spec.name) == written.value_or(stored));
  const DType type = written.value_or(stored);
  if (type == stored || type == DType::kF32) CHECK(copy->weights_hash() == model->weights_hash());
  const Json config = read_json_file(folder / "config.json");
  CHECK(config.at(config.contains("torch_dtype") ? "torch_dtype" : "dtype") ==
        (type == DType::kF32    ? "float32"
         : type == DType::kBF16 ? "bfloat16"
                                : "float16"));
}

TEST_CASE("A config that names its type twice names the written one twice") {
  const TemporaryFolder folder;
  std::filesystem::copy(golden_folder("dtypes/bf16"), folder / "base",
                        std::filesystem::copy_options::recursive);
  Json config = read_json_file(folder / "base/config.json");
  config["dtype"] = config["torch_dtype"] = "bfloat16";
  write_file_atomically(folder / "base/config.json", config.dump());
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(folder / "base", *backend);
  std::filesystem::create_directory(folder / "copy");
  write_model(folder / "copy", *model, DType::kF32, NotFinite::kRefuse);
  config = read_json_file(folder / "copy/config.json");
  CHECK(config.at("dtype") == "float32");
  CHECK(config.at("torch_dtype") == "float32");
}

TEST_CASE("Values that the written type does not hold are refused by name, or kept where asked") {
  const float value = GENERATE(1e5f, INFINITY, NAN);
  Trained trained("gpt2_tied", "full");
  Parameter& parameter = trained.model->parameter("transformer.h.1.mlp.c_fc.weight");
  parameter.value.values()[7] = value;
  const TemporaryFolder folder;
  const auto refusal = [&](WrittenDType written) {
    return error_text<InputError>(
        [&] { write_model(folder.path(), *trained.model, written, NotFinite::kRefuse); });
  };
  CHECK_THAT(refusal(DType::kF16), Contains("transformer.h.1.mlp.c_fc.weight") && Contains("F16"));
  CHECK((refusal(std::nullopt) == "nothing was thrown") == (value == 1e5f));
  CHECK((refusal(DType::kBF16) == "nothing was thrown") == (value == 1e5f));
  write_model(folder.path(), *trained.model, DType::kF16, NotFinite::kKeep);
}

}  // namespace
}  // namespace rankscope::tests
