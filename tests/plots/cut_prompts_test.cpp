// What a report says of prompts that were cut to fit.
#include <catch2/catch.hpp>

#include "plots/report_data.h"
#include "plots/tables/makers.h"
#include "tests/plots/given.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

TEST_CASE(
    "settings whose prompts were cut are named with what they lost, those alike in one line") {
  std::vector<ScoreFinding> scores{score("wikisql", "prefix_embed", "", {}, 400, 50),
                                   score("wikisql", "lora", "Wq", 1, 100, 60),
                                   score("wikisql", "lora", "Wq", 2, 200, 60),
                                   score("wikisql", "full", "", {}, 9000, 60),
                                   score("mnli", "none", "", {}, 0, 30),
                                   score("mnli", "bitfit", "", {}, 10, 30)};
  scores[0].size = "prefix 456, infix 8";
  scores[0].scored_cut = {24, 24, 2610, 1};
  scores[0].trained_cut = {1990, 1500, 20000, 10};
  for (ScoreFinding* lora : {&scores[1], &scores[2]}) {
    lora->scored_cut = {25, 1, 3, 0};
    lora->trained_cut = {2000, 0, 0, 0};
  }
  scores[3].scored_cut = {25, 0, 0, 0};
  scores[3].trained_cut = {2000, 0, 0, 0};
  scores[4].scored_cut = {25, 0, 0, 2};
  Given given(scores);
  const TableSet set = cut_prompt_tables(*given.data);
  CHECK(shown(set) ==
        "WikiSQL | PrefixEmbed, prefix 456, infix 8 | 24 of 24 | 2,610 | 1 | 1,500 of "
        "1,990 | 20,000 | 10 | \n"
        "WikiSQL | LoRA Wq, r = 1; LoRA Wq, r = 2 | 1 of 25 | 3 | 0 | none | 0 | 0 | \n"
        "MNLI | untrained base | none | 0 | 2 | – | – | – | \n");
  // Of what no trial tells nothing is said; of what was read whole the numbers are.
  CHECK(set.tables.at(0).data.rows.size() == 5);
}

TEST_CASE("that no prompt was cut is said where trials tell it, and nothing where none does") {
  std::vector<ScoreFinding> scores{score("wikisql", "full", "", {}, 9000, 60)};
  {
    Given given(scores);
    const TableSet unknown = cut_prompt_tables(*given.data);
    CHECK(unknown.tables.empty());
    CHECK(unknown.missing.empty());
  }
  scores[0].scored_cut = {25, 0, 0, 0};
  Given given(scores);
  const TableSet whole = cut_prompt_tables(*given.data);
  CHECK(whole.tables.empty());
  CHECK_THAT(whole.missing, Contains("No trial says that a prompt was cut"));
  CHECK(whole.fine);
}

TEST_CASE("scored examples say that prompts were cut, and machines have no counts of data") {
  const TemporaryFolder folder;
  {
    Store store = Store::open(folder / "results.db");
    store.put_sweep({"s", "name: s\n", "models/tiny", std::string(64, 'c')});
    store.put_dataset({"d", "mnli", "dev", "dev.jsonl", {{"a", "p", "r"}}});
    TrialRecord trial = finished_trial("t");
    trial.dataset = "d";
    trial.environment = {{"processor", "one"},         {"train_examples", "901"},
                         {"train_prompts_cut", "902"}, {"train_tokens_cut", "903"},
                         {"train_left_out", "904"},    {"scored_examples", "905"},
                         {"scored_prompts_cut", "906"}};
    store.put_trial(trial);
  }
  ResultsReader results({folder.path()});
  Findings findings;
  findings.scores = {score("mnli", "full", "", {}, 9000, 60)};
  const auto caption = [&] {
    ReportData data(results, findings);
    return dataset_tables(data).tables.at(0).caption;
  };
  CHECK_THAT(caption(), Contains("whole or cut") && !Contains("were cut"));
  findings.scores[0].scored_cut = {1, 1, 5, 0};
  CHECK_THAT(caption(), Contains("With 1 setting prompts were cut"));
  ReportData data(results, findings);
  CHECK(shown(environment_tables(data)) == "processor | one |  | \n");
}
