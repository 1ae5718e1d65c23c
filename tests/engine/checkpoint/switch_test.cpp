// Adapters that take one another's place in a base's weights.
#include <catch2/catch.hpp>

#include "engine/checkpoint/adapter.h"
#include "tests/engine/checkpoint/saved_adapter.h"

namespace rankscope::tests {
namespace {

// Folders of adapters of the golden model, of every kind that writes into the base and one that
// does not.
std::vector<std::filesystem::path> saved_adapters(const TemporaryFolder& folder,
                                                  const std::string& golden) {
  std::vector<std::filesystem::path> all;
  const auto save = [&](const std::string& method, const std::vector<std::string>& settings) {
    all.push_back(folder / std::to_string(all.size()));
    Trained(golden, method, settings).save(all.back());
  };
  save("lora", {"rank=3", "targets=all"});
  save("dora", {"rank=2"});
  save("full", {});
  save("adalora", {"rank=2"});
  save("prefix_kv", {"prefix=2"});
  save("lora", {"rank=2", "init=pissa"});
  if (golden == "gpt2_tied") save("bitfit", {});
  return all;
}

TEST_CASE("A thousand switches of adapters leave the base's bits as they were") {
  const std::string name = GENERATE(as<std::string>(), "gpt2_tied", "dtypes/bf16", "dtypes/f16");
  INFO(name);
  const TemporaryFolder folder;
  const std::vector<std::filesystem::path> adapters = saved_adapters(folder, name);
  const auto backend = make_cpu_backend(1);
  const GoldenCase golden(name);
  const auto model = golden.load(*backend);
  const auto nll = [&](const Adaptation* adaptation) {
    return evaluate(*model, adaptation, golden.examples(), 1024).nll;
  };
  const std::string hash = model->weights_hash();
  const std::vector<double> base_nll = nll(nullptr);
  std::vector<std::vector<double>> first;
  std::unique_ptr<Adaptation> adaptation;
  for (const auto& adapter : adapters) {
    adaptation = switch_adapter(adapter, *model);
    // What does not merge whole stays at work in the forward pass; of the others nothing is left.
    first.push_back(nll(adaptation.get()));
    CHECK(first.back() != base_nll);
  }
  for (size_t i = 0; i < 1000; ++i) {
    adaptation = switch_adapter(adapters[i * i % adapters.size()], *model);
    if (i % 100 != 99) continue;
    adaptation.reset();
    model->restore();
    CHECK(model->weights_hash() == hash);
  }
  CHECK(nll(nullptr) == base_nll);
  for (size_t i = 0; i < adapters.size(); ++i) {
    adaptation = switch_adapter(adapters[i], *model);
    CHECK(nll(adaptation.get()) == first[i]);
  }
}

TEST_CASE("A switch to an adapter that cannot be read leaves the base") {
  const TemporaryFolder folder;
  Trained("gpt2_tied", "full").save(folder / "full");
  Trained("llama_gqa", "lora").save(folder / "other");
  const auto backend = make_cpu_backend(1);
  const auto model = GoldenCase("gpt2_tied").load(*backend);
  const std::string hash = model->weights_hash();
  const auto adaptation = switch_adapter(folder / "full", *model);
  CHECK(model->weights_hash() != hash);
  CHECK(error_text<InputError>([&] { switch_adapter(folder / "other", *model); }) !=
        "nothing was thrown");
  CHECK(model->weights_hash() == hash);
  for (const Parameter* parameter : model->parameters()) CHECK_FALSE(parameter->trainable());
}

}  // namespace
}  // namespace rankscope::tests
