// LoRA's scores as lines over the rank.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "plots/report_data.h"

namespace rankscope {

// What two scores of one line have in common, in the order of lines: matrices, task and metric,
// training examples, sweep, variant.
using RankLine = std::tuple<std::pair<int, std::string>, std::pair<int, std::string>, TaskMetric,
                            std::optional<std::int64_t>, std::string, std::string>;
RankLine rank_line(const ScoreFinding& score);

// A sentence with a space before it that counts and names what is not shown because a line has one
// rank alone; empty where none has. `scores`: of LoRA, with ranks.
std::string of_one_rank(const ReportData& data, const std::vector<const ScoreFinding*>& scores);

// The same of LoRA's settings on this base with ranks by site, which have no one rank to stand by.
std::string of_ranks_by_site(const ReportData& data, const std::string& base,
                             std::string_view view);

// The same of LoRA's settings with a rank whose parameters are not known.
std::string of_unknown_budget(const ReportData& data, const std::string& base);

}  // namespace rankscope
