#include <array>

#include "plots/table.h"
#include "plots/tables/makers.h"

namespace rankscope {

namespace {

constexpr std::array<TableKind, 22> kTableKinds{{
    {Section::kSummary, "trials", "What was run", &trial_tables},
    {Section::kSummary, "verdicts", "The paper's claims", &verdict_tables},
    {Section::kSummary, "best", "The best configurations", &best_tables},
    {Section::kPaper, "table1", "Time of a forward pass", &latency_tables},
    {Section::kPaper, "table4", "Methods compared", &method_tables},
    {Section::kPaper, "table5", "Which weight matrices?", &matrix_tables},
    {Section::kPaper, "table6", "Which rank?", &rank_tables},
    {Section::kPaper, "table7", "What of W lies in an update's directions", &amplification_tables},
    {Section::kPaper, "table15", "Scores and trainable parameters", &parameter_tables},
    {Section::kPaper, "table16", "Few examples", &few_example_tables},
    {Section::kClaims, "contrasts", "Each claim's differences", &contrast_tables},
    {Section::kClaims, "claim_sources", "Where the claims come from, and their controls",
     &claim_source_tables},
    {Section::kExamples, "examples", "Predictions", &example_tables},
    {Section::kCost, "cost", "Cost by method", &cost_tables},
    {Section::kRun, "tuning", "The search for learning rates", &tuning_tables},
    {Section::kRun, "failures", "What failed or diverged", &failure_tables},
    {Section::kRun, "environment", "Machines and programs", &environment_tables},
    {Section::kRun, "configuration", "Configuration", &configuration_tables},
    {Section::kRun, "hashes", "Hashes", &hash_tables},
    {Section::kRun, "datasets", "Scored examples", &dataset_tables},
    {Section::kRun, "cut_prompts", "Prompts that were cut", &cut_prompt_tables},
    {Section::kRun, "undefined", "What the analysis could not define", &undefined_tables},
}};

}  // namespace

std::span<const TableKind> table_kinds() { return kTableKinds; }

}  // namespace rankscope
