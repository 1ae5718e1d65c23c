// merge: a base and an adapter as one Hugging Face folder.
#include <fmt/format.h>

#include <chrono>
#include <map>
#include <memory>

#include "common/json.h"
#include "common/log.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/print_rows.h"
#include "experiments/limits.h"
#include "experiments/merged_model.h"

namespace rankscope {

namespace {

const std::map<std::string, WrittenDType> kWrittenTypes = {
    {"base", std::nullopt}, {"f32", DType::kF32}, {"bf16", DType::kBF16}, {"f16", DType::kF16}};

struct MergeCommand {
  std::string model, adapter, out;
  std::string dtype = "base";
  int threads = 0;
  bool json = false;
};

int run_merge(const MergeCommand& c) {
  const auto begin = std::chrono::steady_clock::now();
  const std::unique_ptr<Backend> backend = make_cpu_backend(c.threads);
  write_merged_model({c.model, c.adapter, c.out, kWrittenTypes.at(c.dtype)}, *backend);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  if (c.json) {
    const OrderedJson line{{"model", c.out}, {"dtype", c.dtype}, {"seconds", taken.count()}};
    print_text(json_text(line) + "\n");
  }
  log::info("merged model in {}, after {:.2f} s", c.out, taken.count());
  return 0;
}

}  // namespace

void add_merge(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<MergeCommand>();
  CLI::App* command = app.add_subcommand("merge",
                                         "a base and an adapter as one Hugging Face folder, for "
                                         "lora, dora, adalora, bitfit, full, ft_top2");
  command->add_option("--model", c->model, "Hugging Face folder of the base")
      ->required()
      ->check(not_empty());
  command->add_option("--adapter", c->adapter, "PEFT folder, or one that train wrote")
      ->required()
      ->check(not_empty());
  command->add_option("--out", c->out, "a new folder")->required()->check(not_empty());
  command
      ->add_option("--dtype", c->dtype,
                   "of the weights, rounded once from fp32: base (as the base stores each), f32, "
                   "bf16, f16")
      ->capture_default_str()
      ->check(CLI::IsMember({"base", "f32", "bf16", "f16"}));
  command->add_option("--threads", c->threads, "0: all processors")
      ->transform(whole_number(0, kMostThreads));
  command->add_flag("--json", c->json, "one JSON object");
  command->callback([c, &exit_code] { exit_code = run_merge(*c); });
}

}  // namespace rankscope
