#include "experiments/task_scorer.h"

#include <optional>
#include <unordered_map>
#include <utility>

#include "common/error.h"
#include "common/text.h"
#include "datasets/readers/wikisql.h"
#include "experiments/chosen_template.h"
#include "experiments/score_files.h"
#include "metrics/accuracy.h"
#include "metrics/rouge.h"
#include "metrics/wikisql_scorer.h"

namespace rankscope {

namespace {

[[noreturn]] void refuse_id(const std::string& id) {
  throw InputError("the scored data has no example '" + printable(id) +
                   "'; was it changed after the predictions were made?");
}

class WikisqlTaskScorer : public TaskScorer {
 public:
  explicit WikisqlTaskScorer(const DataSource& source)
      : form_(find_task(source.task),
              chosen_template(find_task(source.task), source.template_keys, "--template")),
        data_(read_wikisql(file_of(source), {}, {.limit = read_limit(source)})) {
    const bool any_rows = data_.tables.any_rows();
    for (std::size_t i = 0; i < data_.gold.size(); ++i) {
      by_id_.emplace(data_.set.records[i].id, i);
      const WikisqlTable& table = data_.tables.tables[data_.gold[i].table];
      if (!table.has_rows || !any_rows) continue;
      if (!database_) database_.emplace();
      if (added_.emplace(table.id, true).second) database_->add_table(table);
    }
  }

  std::string reference(const std::string& id) const override {
    return data_.set.records[index(id)].references.front();
  }

  Outcomes outcomes(const std::string& id, const std::string& prediction) override {
    const std::size_t i = index(id);
    const WikisqlGold& gold = data_.gold[i];
    const WikisqlTable& table = data_.tables.tables[gold.table];
    const TargetFrame frame = form_.target_frame(data_.set.records[i]);
    const WikisqlOutcome outcome =
        score_wikisql(frame.answer_in(prediction), gold.query, table.id, table.header,
                      database_ && added_.contains(table.id) ? &*database_ : nullptr);
    Outcomes out = {{"logical_form", outcome.logical_form},
                    {"exact", outcome.exact},
                    {"parsed", outcome.parsed}};
    if (outcome.execution) out["execution"] = *outcome.execution;
    return out;
  }

 private:
  std::size_t index(const std::string& id) const {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) refuse_id(id);
    return found->second;
  }

  CompiledTemplate form_;
  WikisqlData data_;
  std::unordered_map<std::string, std::size_t> by_id_;
  std::unordered_map<std::string, bool> added_;
  std::optional<WikisqlDatabase> database_;
};

// Tasks whose references are texts.
class TextTaskScorer : public TaskScorer {
 public:
  explicit TextTaskScorer(const DataSource& source)
      : labelled_(!find_task(source.task).labels.empty()),
        own_(source.task == "own"),
        read_(read_task_references(file_of(source), find_task(source.task), source.template_keys,
                                   read_limit(source))) {
    for (std::size_t i = 0; i < read_.references.size(); ++i)
      by_id_.emplace(read_.references[i].id, i);
  }

  std::string reference(const std::string& id) const override { return entry(id).texts.front(); }

  Outcomes outcomes(const std::string& id, const std::string& prediction) override {
    const TextReference& reference = entry(id);
    const bool right = exact_match(answer_of(prediction, reference), reference.texts.front());
    if (labelled_ || !reference.labels.empty()) return {{"accuracy", right}};
    const RougeScores rouge = rouge_of(prediction, reference, rouge_);
    Outcomes out = {{"rouge1", rouge.rouge1.f},
                    {"rouge2", rouge.rouge2.f},
                    {"rougeL", rouge.rougeL.f},
                    {"rougeLsum", rouge.rougeLsum.f}};
    if (own_) out["exact"] = right;
    return out;
  }

 private:
  const TextReference& entry(const std::string& id) const {
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) refuse_id(id);
    return read_.references[found->second];
  }

  bool labelled_;
  bool own_;
  TextReferences read_;
  std::unordered_map<std::string, std::size_t> by_id_;
  RougeScorer rouge_{/*use_stemmer=*/true};
};

}  // namespace

std::unique_ptr<TaskScorer> make_task_scorer(const DataSource& source) {
  if (source.task == "wikisql") return std::make_unique<WikisqlTaskScorer>(source);
  return std::make_unique<TextTaskScorer>(source);
}

}  // namespace rankscope
