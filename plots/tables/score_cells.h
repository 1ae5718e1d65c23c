// Measured scores and the paper's in the cells of a table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plots/data_grid.h"
#include "plots/report_data.h"
#include "plots/table.h"

namespace rankscope {

// Cells of one table, which say how many seeds a mean is of only where that is not the usual
// number.
class ScoreCells {
 public:
  explicit ScoreCells(const std::vector<const ScoreFinding*>& scores);

  // "not run" for none.
  ShownCell measured(const ScoreFinding* score) const;
  // In a line's column; kNone where the line has that task's score by another metric.
  ShownCell measured(const std::vector<const ScoreFinding*>& line, const TaskMetric& shown) const;
  // What the cells hold: to end a caption with.
  std::string caption() const;

 private:
  std::size_t usual_seeds_ = 0;
  std::string rouge_;
  bool other_examples_ = false;  // of some score
  bool base_ = false;            // is among them
};

// What ROUGE is here, a sentence with a space before it, where one of the scores is by it; else
// empty.
std::string rouge_note(const std::vector<const ScoreFinding*>& scores);

// Of a line's scores the one that a column shows; null for none.
const ScoreFinding* score_in(const std::vector<const ScoreFinding*>& line, const TaskMetric& shown);

// One table for each base that `make` has one for; their titles name the base where there are
// several.
TableSet for_each_base(const ReportData& data, const std::string& missing,
                       const std::function<std::optional<Table>(const std::string& base)>& make);

// What a method is beside its name, as scores and the paper's numbers have it.
struct MethodSetting {
  std::string targets;
  std::optional<std::int64_t> rank;
  std::string size;
  bool operator==(const MethodSetting&) const = default;
};
MethodSetting setting_of(const PublishedNumber& number);
// "Wq+Wv, r = 8", "prefix 64, infix 8".
std::string setting_text(const MethodSetting& setting);
// Whether a score is of this setting of the paper.
bool is_of_setting(const ScoreFinding& score, const MethodSetting& setting);

// "73.7", "63.1 (prefix 256, infix 8)" where the paper's is another setting; kNone for none.
ShownCell paper_cell(const PublishedNumber* number, const std::string& other_setting = {});

// A row for one measured score and the paper's number beside it, either of which may be missing.
std::vector<std::string> score_columns();
Row score_row(const std::string& task, const ScoreFinding* score, const PublishedNumber* number);

}  // namespace rankscope
