// nll: the negative log-likelihood of each line's target.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/text.h"
#include "engine/checkpoint/adapter.h"
#include "engine/training/trainer.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/data_options.h"
#include "experiments/cli/device_options.h"
#include "experiments/examples.h"
#include "experiments/limits.h"

namespace rankscope {

namespace {

struct NllCommand {
  std::string model, adapter;
  DataOptions data;
  DeviceSettings device;
  int64_t micro_batch_tokens = 1024;
  bool json = false;
};

int run_nll(const NllCommand& c) {
  exit_at_first_signal();
  refuse_tables_of_standard_input(c.data);
  const std::unique_ptr<Backend> backend = make_backend(c.device);
  const std::unique_ptr<Model> model = load_model(c.model, *backend);
  std::unique_ptr<Adaptation> adaptation;
  if (!c.adapter.empty()) adaptation = load_adapter(c.adapter, *model);
  const SpecialTokens special = special_tokens_of(adaptation.get());
  const LoadedExamples loaded =
      load_examples(c.data.get(), c.model, config_beside(model->config(), special));
  const Evaluation result =
      evaluate(*model, adaptation.get(), loaded.examples, c.micro_batch_tokens);
  const auto bad = std::ranges::find_if_not(result.nll, [](double x) { return std::isfinite(x); });
  if (bad != result.nll.end())
    throw NonFiniteOutput(fmt::format(
        "{}: the negative log-likelihood of target {} is not finite; check the values in '{}'",
        printable(c.data.data, 300), bad - result.nll.begin() + 1,
        printable(c.adapter.empty() ? c.model : c.adapter, 300)));
  int64_t tokens = 0;
  for (size_t i = 0; i < result.nll.size(); ++i) {
    tokens += result.tokens[i];
    if (!c.json) continue;
    const std::string id = loaded.ids.empty() ? "" : "\"id\":" + Json(loaded.ids[i]).dump() + ",";
    std::printf("{\"index\":%zu,%s\"tokens\":%lld,\"nll\":%.9g}\n", i, id.c_str(),
                static_cast<long long>(result.tokens[i]), result.nll[i]);
  }
  if (!c.json && tokens == 0)
    std::printf("%zu lines, no target token that anything stands before: no NLL\n",
                result.nll.size());
  else if (!c.json)
    std::printf("%zu lines, %lld target tokens, mean NLL %.6f nats per token\n", result.nll.size(),
                static_cast<long long>(tokens), result.mean());
  return 0;
}

}  // namespace

void add_nll(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<NllCommand>();
  CLI::App* command =
      app.add_subcommand("nll", "negative log-likelihood of each line's target, in nats");
  command->add_option("--model", c->model, "Hugging Face folder of the base")
      ->required()
      ->check(not_empty());
  command->add_option("--adapter", c->adapter, "PEFT folder, or one that train wrote")
      ->check(not_empty());
  add_data_options(*command, c->data, "lines of {\"prompt_ids\": [...], \"target_ids\": [...]}")
      ->required()
      ->transform(dash_is_standard_input());
  command
      ->add_option("--micro-batch-tokens", c->micro_batch_tokens,
                   "tokens computed at once (changes memory, no result)")
      ->capture_default_str()
      ->transform(whole_number(1, kMostTokens));
  add_device_options(*command, c->device);
  command->add_flag("--json", c->json, "a line a line: {\"index\", \"tokens\", \"nll\"}");
  command->callback([c, &exit_code] { exit_code = run_nll(*c); });
}

}  // namespace rankscope
