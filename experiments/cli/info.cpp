// info: what a model folder is, what a method would train on it, and what memory that takes. Needs
// config.json alone.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/text.h"
#include "engine/backend/devices.h"
#include "engine/models/memory_plan.h"
#include "engine/models/weights.h"
#include "engine/training/trainer.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/device_names.h"

namespace rankscope {

namespace {

struct InfoCommand {
  std::string model;
  std::string method = "none";
  std::string device = "cpu", precision = "fp32";
  bool device_given = false;
  std::vector<std::string> assignments;
  bool json = false;
};

// A site's kind with its matrix, the same in every layer.
struct SiteRow {
  std::string name;
  int64_t in = 0;
  int64_t out = 0;
};

std::vector<SiteRow> site_rows(const ModelShape& shape) {
  std::vector<SiteRow> rows;
  for (const SiteSpec& spec : shape.sites) {
    if (spec.site.layer > 0) break;
    rows.push_back({std::string(site_name(spec.site.kind)), spec.in, spec.out});
  }
  return rows;
}

OrderedJson model_json(const ModelShape& shape) {
  const ModelConfig& c = shape.config;
  OrderedJson json;
  json["family"] = c.family;
  json["width"] = c.width;
  json["layers"] = c.layers;
  json["heads"] = c.heads;
  json["kv_heads"] = c.kv_heads;
  json["head_dim"] = c.head_dim;
  json["mlp_width"] = c.mlp_width;
  json["vocabulary"] = c.vocabulary;
  json["context"] = c.context;
  json["tied_head"] = c.tied_head;
  json["sites"] = OrderedJson::array();
  for (const SiteRow& row : site_rows(shape)) {
    json["sites"].push_back({{"site", row.name}, {"d_in", row.in}, {"d_out", row.out}});
  }
  json["parameters"] = shape.parameters();
  return json;
}

// No such device need be here; precision bf16 is a GPU's, also where no device is named.
PlanTarget plan_target(const InfoCommand& c) {
  if (!is_device_name(c.device))
    throw InputError(fmt::format("device: '{}' is none of {}", printable(c.device), kDeviceNames));
  if (c.precision != "fp32" && c.precision != "bf16")
    throw InputError("precision: '" + printable(c.precision) + "' is neither fp32 nor bf16");
  const bool narrow = c.precision == "bf16";
  if (narrow && c.device_given && c.device == "cpu")
    throw InputError("precision: bf16 needs a GPU; on the CPU leave it at fp32");
  const bool found = c.device == "auto" && !usable_gpus(gpus()).empty();
  return {.gpu = narrow || found || gpu_index(c.device),
          .precision = narrow ? DType::kBF16 : DType::kF32,
          .stored = matrix_type(c.model)};
}

std::string_view precision_name(const PlanTarget& target) {
  return target.precision == DType::kBF16 ? "bf16" : "fp32";
}

OrderedJson memory_json(const MemoryPlan& plan, const PlanTarget& target,
                        int64_t micro_batch_tokens) {
  return {{"device", target.gpu ? "cuda" : "cpu"},
          {"precision", precision_name(target)},
          {"micro_batch_tokens", micro_batch_tokens},
          {"packed_weights", plan.packed_weights},
          {"mapped_tables", plan.mapped_tables},
          {"trained", plan.trained},
          {"activations", plan.activations},
          {"logits", plan.logits},
          {"merged", plan.merged},
          {"total", plan.total()}};
}

double mib(int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

void print_text(const ModelShape& shape, const Method& method, const MemoryPlan& plan,
                const PlanTarget& target, int64_t micro_batch_tokens) {
  const ModelConfig& c = shape.config;
  std::string text = fmt::format(
      "{}: {} layers, width {}, {} heads of {} ({} key/value heads), MLP {}, vocabulary {}, "
      "context "
      "{}, {} head\n",
      c.family, c.layers, c.width, c.heads, c.head_dim, c.kv_heads, c.mlp_width, c.vocabulary,
      c.context, c.tied_head ? "tied" : "separate");
  text += "sites of each layer (d_in x d_out):";
  for (const SiteRow& row : site_rows(shape)) {
    text += fmt::format(" {} {}x{}", row.name, row.in, row.out);
  }
  text += fmt::format("\nparameters: {}\n", shape.parameters());
  text += fmt::format("method {}", method.name());
  for (const auto& [key, value] : method.settings()) text += fmt::format(" {}={}", key, value);
  text += fmt::format("\ntrainable parameters: {} = {}\n", method.trainable_parameters(shape),
                      method.formula());
  if (const int64_t taken = method.special_tokens().count(); taken > 0)
    text += fmt::format("special tokens: {} of the context of {}, {} are left\n", taken, c.context,
                        c.context - taken);
  text += fmt::format(
      "memory{} for micro-batches of {} tokens: {:.0f} MiB (packed weights {:.0f}, {}tables "
      "{:.0f}, trained {:.0f}, activations {:.0f}, logits {:.0f}{})\n",
      target.gpu ? fmt::format(" of a GPU in {}", precision_name(target)) : "", micro_batch_tokens,
      mib(plan.total()), mib(plan.packed_weights), target.gpu ? "" : "mapped ",
      mib(plan.mapped_tables), mib(plan.trained), mib(plan.activations), mib(plan.logits),
      plan.merged == 0 ? ""
                       : fmt::format("; merged for predictions {:.0f} more", mib(plan.merged)));
  std::fputs(text.c_str(), stdout);
}

int run_info(const InfoCommand& c) {
  exit_at_first_signal();
  if (c.model.empty()) throw InputError("--model is required: the folder of a model");
  const ModelShape shape = read_model_shape(c.model);
  Settings settings;
  for (const std::string& assignment : c.assignments) settings.add(assignment);
  const std::unique_ptr<Method> method = make_method(c.method, settings);
  // The settings of a training run may be given as they are: they share --set with the method's.
  const TrainSettings training = TrainSettings::from(settings);
  settings.refuse_unknown("method " + c.method);
  const PlanTarget target = plan_target(c);
  if (target.gpu) refuse_head_dim("cuda", shape.config.head_dim);
  const MemoryPlan plan = plan_memory(shape, *method, training.micro_batch_tokens, target);
  if (!c.json) {
    print_text(shape, *method, plan, target, training.micro_batch_tokens);
    return 0;
  }
  OrderedJson json = model_json(shape);
  json["method"] = method->name();
  json["settings"] = method->settings();
  json["formula"] = method->formula();
  json["trainable_parameters"] = method->trainable_parameters(shape);
  json["special_tokens"] = method->special_tokens().count();
  json["memory"] = memory_json(plan, target, training.micro_batch_tokens);
  std::printf("%s\n", json.dump().c_str());
  return 0;
}

}  // namespace

void add_info(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<InfoCommand>();
  CLI::App* command =
      app.add_subcommand("info", "a model's sites and sizes, and what a method would train");
  // Required would stand in the help beside both forms, of which either suffices.
  command
      ->add_option("model,--model", c->model,
                   "Hugging Face folder, with or without --model before it; config.json is enough")
      ->check(not_empty());
  command->add_option("--method", c->method, method_list() + "; or several joined by +")
      ->capture_default_str();
  repeatable(command->add_option("--set", c->assignments,
                                 "KEY=VALUE of the method or the training; may be repeated"));
  CLI::Option* device =
      command->add_option("--device", c->device, "the memory plan is of: cpu, cuda, cuda:N, auto")
          ->capture_default_str();
  command->add_option("--precision", c->precision, "of a GPU: fp32 or bf16")->capture_default_str();
  command->add_flag("--json", c->json, "one JSON object");
  command->callback([c, device, &exit_code] {
    c->device_given = device->count() > 0;
    exit_code = run_info(*c);
  });
}

}  // namespace rankscope
