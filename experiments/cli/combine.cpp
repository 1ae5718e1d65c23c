// combine: several LoRA adapters as one.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/error.h"
#include "common/json.h"
#include "common/log.h"
#include "engine/checkpoint/combine_adapters.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/print_rows.h"

namespace rankscope {

namespace {

constexpr double kMostWeight = 1e6;
constexpr std::int64_t kMostRank = std::int64_t{1} << 24;

const std::map<std::string, CombineType> kCombineTypes = {
    {"cat", CombineType::kCat}, {"linear", CombineType::kLinear}, {"svd", CombineType::kSvd}};

struct CombineCommand {
  std::vector<std::string> adapters;
  std::vector<double> weights;
  std::string type, out;
  std::int64_t rank = 0;
  bool json = false;
};

int run_combine(const CombineCommand& c) {
  if (!c.weights.empty() && c.weights.size() != c.adapters.size()) {
    throw InputError(fmt::format("--weight: {} weights for {} adapters; give each its own, or none",
                                 c.weights.size(), c.adapters.size()));
  }
  if (c.rank != 0 && c.type != "svd")
    throw InputError("--rank goes with --type svd, which alone chooses a rank; leave it out");
  std::vector<AdapterPart> parts;
  for (std::size_t i = 0; i < c.adapters.size(); ++i)
    parts.push_back({c.adapters[i], c.weights.empty() ? 1.0 : c.weights[i]});
  const CombinedAdapter made = combine_adapters(c.out, parts, kCombineTypes.at(c.type),
                                                c.rank == 0 ? std::nullopt : std::optional(c.rank));
  if (c.json) {
    const OrderedJson line{{"adapter", c.out},
                           {"modules", made.modules},
                           {"smallest_rank", made.smallest_rank},
                           {"largest_rank", made.largest_rank},
                           {"lost", made.lost}};
    print_text(json_text(line) + "\n");
  }
  const std::string ranks =
      made.smallest_rank == made.largest_rank
          ? fmt::format("rank {}", made.largest_rank)
          : fmt::format("ranks {} to {}", made.smallest_rank, made.largest_rank);
  log::info("{} modules of {} in {}{}", made.modules, ranks, c.out,
            c.type == "svd"
                ? fmt::format("; {:.3g} % of the sum's norm was cut off", 100 * made.lost)
                : "");
  return 0;
}

}  // namespace

void add_combine(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<CombineCommand>();
  CLI::App* command = app.add_subcommand(
      "combine",
      "the weighted sum of LoRA adapters as one adapter (engine/checkpoint/COMBINING.md)");
  repeatable(command->add_option("--adapter", c->adapters,
                                 "LoRA folder of PEFT's or of train's; may be repeated"))
      ->required()
      ->check(not_empty());
  repeatable(command->add_option("--weight", c->weights,
                                 "of an adapter, in their order; may be repeated; left out: 1"))
      ->check(real_number(-kMostWeight, kMostWeight));
  command
      ->add_option(
          "--type", c->type,
          "cat: the sum itself, ranks add. svd: the sum truncated to --rank. linear: A and "
          "B summed separately, as PEFT's, with cross terms that are no part of the sum")
      ->required()
      ->check(CLI::IsMember({"cat", "linear", "svd"}));
  command->add_option("--rank", c->rank, "with svd; left out: the largest of the adapters'")
      ->transform(whole_number(1, kMostRank));
  command->add_option("--out", c->out, "a new folder")->required()->check(not_empty());
  command->add_flag("--json", c->json, "one JSON object");
  command->callback([c, &exit_code] { exit_code = run_combine(*c); });
}

}  // namespace rankscope
