// A change of arithmetic cannot pass unnoticed: the bits of a ten-step adapter are recorded for
// each backend, instruction set and numeric version.
#include <catch2/catch.hpp>

#include "common/hash.h"
#include "common/instruction_set.h"
#include "engine/backend/cpu/cpu_backend.h"
#include "engine/training/numeric_version.h"
#include "tests/engine/goldens/golden_case.h"

namespace rankscope::tests {
namespace {

std::string ten_step_hash(std::string_view instruction_set) {
  Sha256 hash;
  for (const char* name : {"gpt2_tied", "llama_gqa"}) {
    const GoldenCase c(name);
    const auto backend = make_cpu_backend(2, instruction_set);
    const auto model = c.load(*backend);
    Settings settings;
    for (const char* s : {"rank=4", "targets=all", "dropout=0.1"}) settings.add(s);
    const auto lora = make_method("lora", settings)->adapt(*model, 1);
    TrainSettings t;
    t.steps = 10;
    t.batch = 4;
    t.micro_batch_tokens = 32;
    t.learning_rate = 1e-2;
    t.max_gradient_norm = 1;
    t.label_smoothing = 0.1;
    Trainer trainer(*model, *lora, c.examples(), t);
    while (!trainer.finished()) trainer.step();
    for (const TrainedParameter& p : lora->trained())
      hash.update(std::as_bytes(p.parameter->value.values()));
  }
  return hash.hex().substr(0, 16);
}

TEST_CASE("the bits of a ten-step adapter are those of this numeric version", "[bits]") {
  const Json recorded = read_json_file(std::string(RANKSCOPE_SOURCE_DIR) +
                                       "/tests/engine/training/numeric_version.json");
  const Json& hashes = recorded.at("cpu").at(std::to_string(kNumericVersion));
  for (std::string_view set : available_instruction_sets()) {
    INFO("cpu " << set << ", numeric version " << kNumericVersion
                << ": where the arithmetic was changed on purpose, raise kNumericVersion "
                   "(engine/training/numeric_version.h) and record the new hash");
    CHECK(ten_step_hash(set) == hashes.at(std::string(set)).get<std::string>());
  }
}

}  // namespace
}  // namespace rankscope::tests
