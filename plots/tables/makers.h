// What plots/tables holds: a function for each kind of table, listed in plots/tables.cpp.
#pragma once

#include "plots/table.h"

namespace rankscope {

TableSet trial_tables(ReportData& data);
TableSet verdict_tables(ReportData& data);
TableSet best_tables(ReportData& data);
TableSet latency_tables(ReportData& data);
TableSet method_tables(ReportData& data);
TableSet matrix_tables(ReportData& data);
TableSet rank_tables(ReportData& data);
TableSet amplification_tables(ReportData& data);
TableSet parameter_tables(ReportData& data);
TableSet few_example_tables(ReportData& data);
TableSet contrast_tables(ReportData& data);
TableSet claim_source_tables(ReportData& data);
TableSet example_tables(ReportData& data);
TableSet cost_tables(ReportData& data);
TableSet tuning_tables(ReportData& data);
TableSet failure_tables(ReportData& data);
TableSet environment_tables(ReportData& data);
TableSet configuration_tables(ReportData& data);
TableSet hash_tables(ReportData& data);
TableSet dataset_tables(ReportData& data);
TableSet cut_prompt_tables(ReportData& data);
TableSet undefined_tables(ReportData& data);

}  // namespace rankscope
