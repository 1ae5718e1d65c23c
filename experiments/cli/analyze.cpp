// analyze: what adapters learned, from their factors and, where asked, their base's matrices.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/text.h"
#include "engine/checkpoint/adapter_base.h"
#include "engine/checkpoint/adapter_record.h"
#include "experiments/analysis/adapter_analysis.h"
#include "experiments/analysis/checkpoint_update.h"
#include "experiments/analysis/site_amplification.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/limits.h"

namespace rankscope {

namespace {

constexpr std::int64_t kMostLayers = 100'000;
constexpr std::int64_t kMostDirections = 1 << 20;

struct AnalyzeCommand {
  std::string adapter, other, model, site;
  std::string of = "a";
  std::int64_t layer = -1, other_layer = -1;
  std::uint64_t seed = 0;
  std::int64_t threads = 0;
  std::int64_t top = 0;
  bool json = false;

  SiteFilter filter() const {
    return {.layer = layer < 0 ? std::nullopt : std::optional(static_cast<int>(layer)),
            .site = site};
  }
};

std::vector<SiteFactors> adapter_updates(const std::string& folder, const SiteFilter& filter) {
  const AdapterReader adapter(folder);
  std::vector<SiteFactors> all =
      adapter.read([&](int layer, const std::string& site) { return filter.admits(layer, site); });
  if (!all.empty()) return all;
  const std::vector<AdaptedSite> there = adapter.sites();
  std::string known;
  for (const AdaptedSite& s : there) {
    if (known.find(s.site) == std::string::npos) known += (known.empty() ? "" : ", ") + s.site;
  }
  const int layers = there.back().layer;
  throw InputError(fmt::format("{}: holds nothing at {} of {}; it has {}, in layers up to {}",
                               printable(folder), filter.site.empty() ? "any site" : filter.site,
                               filter.layer ? fmt::format("layer {}", *filter.layer) : "any layer",
                               known, layers));
}

// Of an adapter, or of a checkpoint against its base: at least one, each with finite values. Those
// of a checkpoint, as large as its matrices, are made one at a time.
class Updates {
 public:
  Updates(const std::string& folder, const std::string& base, const SiteFilter& filter) {
    std::string whose = "'" + printable(folder, 300) + "'";
    if (!is_checkpoint(folder)) {
      of_adapter_ = adapter_updates(folder, filter);
    } else {
      if (base.empty())
        throw InputError(printable(folder, 300) +
                         ": is a model, no adapter; give the base that it was trained from "
                         "with --model");
      of_checkpoint_.emplace(folder, base, [&](int layer, const std::string& site) {
        return filter.admits(layer, site);
      });
      if (size() == 0) throw InputError(printable(folder, 300) + ": has no such layer or site");
      whose = printable(folder, 300) + ", less its base,";
    }
    // All before the first line is printed.
    for (std::size_t i = 0; i < size(); ++i) require_finite(at(i), whose);
  }

  std::size_t size() const { return of_checkpoint_ ? of_checkpoint_->size() : of_adapter_.size(); }
  SiteFactors at(std::size_t i) const {
    return of_checkpoint_ ? of_checkpoint_->at(i) : of_adapter_.at(i);
  }

 private:
  std::vector<SiteFactors> of_adapter_;
  std::optional<CheckpointUpdates> of_checkpoint_;
};

std::string cell(const OrderedJson& json, const char* key) {
  return json.at(key).is_null() ? "-" : fmt::format("{:.4g}", json.at(key).get<double>());
}

int run_spectra(const AnalyzeCommand& c) {
  const Updates updates(c.adapter, c.model, c.filter());
  if (!c.json)
    std::puts("layer  site  rank  ||dW||_F  effective rank  stable rank  singular values");
  for (std::size_t i = 0; i < updates.size(); ++i) {
    const SiteFactors factors = updates.at(i);
    const OrderedJson json = spectrum_json(factors);
    if (c.json) {
      std::puts(json.dump().c_str());
      continue;
    }
    std::string values;
    for (const double value : json.at("singular_values")) values += fmt::format(" {:.4g}", value);
    fmt::print("{:5}  {:4}  {:4}  {:8}  {:14}  {:11} {}\n", factors.layer, factors.site,
               factors.rank, cell(json, "frobenius"), cell(json, "effective_rank"),
               cell(json, "stable_rank"), values);
  }
  return 0;
}

int run_phi(const AnalyzeCommand& c) {
  const SiteFilter one = c.filter();
  SiteFilter two = one;
  if (c.other_layer >= 0) two.layer = static_cast<int>(c.other_layer);
  if (c.of == "a" && (is_checkpoint(c.adapter) || is_checkpoint(c.other)))
    throw InputError("--of a: a fine-tuned model has no A; compare the updates, with --of dw");
  const OrderedJson json =
      phi_json(Updates(c.adapter, c.model, one).at(0), Updates(c.other, c.model, two).at(0),
               *directions_of(c.of), c.json ? std::optional(c.seed) : std::nullopt,
               c.top);  // the text shows no band
  if (c.json) {
    std::puts(json.dump().c_str());
    return 0;
  }
  fmt::print("phi(i, j) of {} and, below each, chance; i downwards, j to the right, from 1\n",
             c.of);
  for (std::size_t i = 0; i < json.at("phi").size(); ++i) {
    for (const char* key : {"phi", "chance"}) {
      std::string line = key[0] == 'p' ? fmt::format("{:4}", i + 1) : "    ";
      for (const OrderedJson& value : json.at(key)[i])
        line += value.is_null() ? "      -" : fmt::format("  {:.3f}", value.get<double>());
      std::puts(line.c_str());
    }
  }
  for (const OrderedJson& reason : json.at("undefined"))
    std::puts(reason.get<std::string>().c_str());
  return 0;
}

void warn_where_trained_on_another(const std::filesystem::path& adapter, const Model& base) {
  std::optional<AdapterRecord> record;
  if (is_there(adapter / kRecordFile)) record = read_record(adapter);
  warn_of_other_base(adapter, record ? &*record : nullptr, base);
}

int run_amplification(const AnalyzeCommand& c) {
  const Updates updates(c.adapter, c.model, c.filter());
  const std::unique_ptr<Backend> backend = make_cpu_backend(static_cast<int>(c.threads));
  const std::unique_ptr<Model> model = load_model(c.model, *backend);
  std::vector<const SiteSpec*> specs;
  for (std::size_t i = 0; i < updates.size(); ++i)
    specs.push_back(&spec_of(updates.at(i), *model, c.model));
  // A checkpoint's update is against this base whatever it was trained from.
  if (!is_checkpoint(c.adapter)) warn_where_trained_on_another(c.adapter, *model);
  if (!c.json) {
    std::puts("||U^T W V^T||_F by the directions of dW, of W and of random matrices (Table 7)");
    std::puts(
        "layer  site  rank  ||W||_F    of dW     of W   random  ||dW||_F  amplification  over "
        "random");
  }
  for (std::size_t i = 0; i < updates.size(); ++i) {
    const SiteFactors f = updates.at(i);
    const std::vector<float> weight = site_weight(*model, *specs[i]);
    if (!std::ranges::all_of(weight, [](float x) { return std::isfinite(x); }))
      throw InputError(
          fmt::format("{}: tensor '{}' has values that are infinite or not a number; check "
                      "the model's files",
                      printable(c.model, 300), specs[i]->weight));
    const OrderedJson json = amplification_json(f, weight, c.seed, backend->threads(), c.top);
    if (c.json) {
      std::puts(json.dump().c_str());
      continue;
    }
    fmt::print("{:5}  {:4}  {:4}  {:7}  {:7}  {:7}  {:7}  {:8}  {:13}  {:11}\n", f.layer, f.site,
               f.rank, cell(json, "weight_norm"), cell(json, "projected"),
               cell(json, "projected_weight"), cell(json, "projected_random"),
               cell(json, "update_norm"), cell(json, "amplification"), cell(json, "relative"));
  }
  return 0;
}

}  // namespace

void add_analyze(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<AnalyzeCommand>();
  CLI::App* command = app.add_subcommand(
      "analyze", "what adapters learned: spectra, shared directions, amplification");
  command->require_subcommand(1);
  const auto add = [&](const char* name, const char* text, int (*run)(const AnalyzeCommand&)) {
    CLI::App* sub = command->add_subcommand(name, text);
    sub->add_option("--adapter", c->adapter,
                    "PEFT folder, one that train wrote, or a fully fine-tuned model")
        ->required()
        ->check(not_empty());
    sub->add_option("--model", c->model,
                    "the base's Hugging Face folder; of adapters only Table 7 needs it")
        ->check(not_empty());
    sub->add_option("--layer", c->layer, "this layer alone, from 0")
        ->transform(whole_number(0, kMostLayers));
    sub->add_option("--site", c->site, "this site alone: Wq, Wk, Wv, Wo, W1, W2, W3");
    sub->add_flag("--json", c->json, "JSON Lines");
    sub->callback([c, run, &exit_code] {
      exit_at_first_signal();
      exit_code = run(*c);
    });
    return sub;
  };
  add("spectra", "singular values of dW = scale B A, its norm and effective ranks", run_spectra);
  CLI::App* phi =
      add("phi", "how much of their leading directions two adapters share (equation 4)", run_phi);
  phi->get_option("--layer")->required();
  phi->get_option("--site")->required();
  phi->add_option("--other", c->other, "the other adapter")->required()->check(not_empty());
  phi->add_option("--other-layer", c->other_layer, "its layer, where it is another")
      ->transform(whole_number(0, kMostLayers));
  phi->add_option(
         "--of", c->of,
         "a: right singular vectors of A, as the paper; dw, dw_left: right and left ones of dW")
      ->check(CLI::IsMember({"a", "dw", "dw_left"}));
  phi->add_option("--seed", c->seed, "of the draws that the chance band is made of")
      ->transform(whole_number(0, kLargestSeed));
  CLI::App* amplification =
      add("amplification", "Table 7: what of W lies in the directions of dW", run_amplification);
  amplification->get_option("--model")->required();
  amplification->add_option("--seed", c->seed, "of the search for W's leading directions")
      ->transform(whole_number(0, kLargestSeed));
  amplification->add_option("--threads", c->threads, "0: all processors")
      ->transform(whole_number(0, kMostThreads));
  for (CLI::App* sub : {phi, amplification})
    sub->add_option("--top", c->top, "so many of the leading directions of dW; 0: all (its rank)")
        ->transform(whole_number(0, kMostDirections));
}

}  // namespace rankscope
