// world: the embedded world's task sets and documents, made from its seed.
#include <cstdio>
#include <memory>

#include "common/error.h"
#include "common/interrupt.h"
#include "common/json.h"
#include "common/log.h"
#include "datasets/embedded/overlap.h"
#include "datasets/embedded/set_files.h"
#include "datasets/embedded/world_documents.h"
#include "experiments/cli/checks.h"
#include "experiments/cli/commands.h"
#include "experiments/cli/print_rows.h"
#include "experiments/limits.h"

namespace rankscope {

namespace {

struct WorldCommand {
  std::string out;
  std::uint64_t seed = embedded::kWorldSeed;
  std::uint64_t documents = 0;
  std::uint64_t overlap = 0;
  bool json = false;
};

void write_and_print_sets(const embedded::World& world, const WorldCommand& c) {
  for (const embedded::SetFile& file : embedded::write_sets(world, c.out)) {
    if (c.json)
      print_text(OrderedJson{{"file", file.name}, {"entries", file.entries}}.dump() + "\n");
  }
  log::info("task sets in {}: wikisql, mnli, samsum", c.out);
}

void print_overlap(const embedded::World& world, const WorldCommand& c) {
  for (const embedded::Overlap& task : embedded::shared_eight_grams(world, c.overlap)) {
    if (c.json) {
      const OrderedJson line{{"task", task.task},
                             {"documents", c.overlap},
                             {"runs", task.in_targets},
                             {"shared", task.shared}};
      print_text(line.dump() + "\n");
      continue;
    }
    std::printf(
        "%s: of %zu different runs of 8 words in its scored targets %zu stand in the first "
        "%llu documents\n",
        std::string(task.task).c_str(), task.in_targets, task.shared.size(),
        static_cast<unsigned long long>(c.overlap));
    for (const std::string& run : task.shared) std::printf("  %s\n", run.c_str());
  }
}

int run_world(const WorldCommand& c) {
  if (c.out.empty() && c.documents == 0 && c.overlap == 0)
    throw InputError(
        "world: give --out DIR for the task sets, --documents N to print documents, or "
        "--overlap N to compare both");
  const embedded::World world(c.seed);
  if (!c.out.empty()) write_and_print_sets(world, c);
  exit_at_first_signal();
  for (std::uint64_t i = 0; i < c.documents; ++i) {
    OrderedJson line;
    line["text"] = embedded::world_document(world, i);
    std::printf("%s\n", line.dump().c_str());
  }
  if (c.overlap > 0) print_overlap(world, c);
  return 0;
}

}  // namespace

void add_world(CLI::App& app, int& exit_code) {
  auto c = std::make_shared<WorldCommand>();
  CLI::App* command = app.add_subcommand("world", "the embedded world's task sets and documents");
  command->add_option("--out", c->out, "a new folder for the task sets, in their official formats")
      ->check(not_empty());
  command
      ->add_option("--documents", c->documents,
                   "print the first N documents that the base is pretrained on, as JSON Lines")
      ->transform(whole_number(0, std::int64_t{1} << 40));
  command
      ->add_option("--overlap", c->overlap,
                   "print the runs of 8 words that scored targets share with the first N documents")
      ->transform(whole_number(0, std::int64_t{1} << 40));
  command->add_option("--seed", c->seed, "another world")
      ->capture_default_str()
      ->transform(whole_number(0, kLargestSeed));
  command->add_flag("--json", c->json,
                    "a line for each file, and each task's overlap as one (documents always are)");
  command->callback([c, &exit_code] { exit_code = run_world(*c); });
}

}  // namespace rankscope
