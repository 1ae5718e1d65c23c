#include "datasets/embedded/overlap.h"

#include <unordered_map>

#include "common/wikisql_query.h"
#include "datasets/embedded/samsum_set.h"
#include "datasets/embedded/set_files.h"
#include "datasets/embedded/wikisql_set.h"
#include "datasets/embedded/world_documents.h"

namespace rankscope::embedded {

namespace {

constexpr std::size_t kWords = 8;

// Calls use(run) with every run of kWords words, joined by single spaces.
void for_each_run(std::string_view text, const auto& use) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t begin = text.find_first_not_of(" \n\t", i);
    if (begin == std::string_view::npos) break;
    i = std::min(text.find_first_of(" \n\t", begin), text.size());
    words.push_back(text.substr(begin, i - begin));
  }
  for (std::size_t first = 0; first + kWords <= words.size(); ++first) {
    std::string run(words[first]);
    for (std::size_t k = 1; k < kWords; ++k) run.append(" ").append(words[first + k]);
    use(run);
  }
}

}  // namespace

std::vector<Overlap> shared_eight_grams(const World& world, std::uint64_t documents) {
  std::vector<Overlap> tasks = {{"wikisql", 0, {}}, {"mnli", 0, {}}, {"samsum", 0, {}}};
  std::unordered_map<std::string, std::size_t> wanted;  // to the index of the task
  const auto want = [&](std::size_t task, const std::string& target) {
    for_each_run(target, [&](const std::string& run) {
      if (wanted.emplace(run, task).second) ++tasks[task].in_targets;
    });
  };
  for (const char* split : {"dev", "test"}) {
    const WikisqlSet set = make_wikisql_set(world, split, Pool::kScored, kScoredExamples);
    for (const TableQuestion& question : set.questions)
      want(0, render_query(question.query, set.tables[question.table].header));
  }
  for (const char* split : {"val", "test"})
    for (const auto& d : make_samsum_set(world, split, Pool::kScored, kScoredExamples))
      want(2, d.summary);
  for (std::uint64_t i = 0; i < documents; ++i) {
    for_each_run(world_document(world, i), [&](const std::string& run) {
      const auto found = wanted.find(run);
      if (found != wanted.end()) tasks[found->second].shared.insert(run);
    });
  }
  return tasks;
}

}  // namespace rankscope::embedded
