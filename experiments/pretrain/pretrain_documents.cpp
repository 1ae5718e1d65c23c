#include "experiments/pretrain/pretrain_documents.h"

#include <fmt/format.h>

#include "common/error.h"
#include "common/hash.h"
#include "common/interrupt.h"
#include "datasets/embedded/world_documents.h"
#include "datasets/readers/documents.h"

namespace rankscope {
namespace {

// A folder moves, and a base's record should not: names without the way to them.
OrderedJson account_of(ReadReport report) {
  for (ReadFile& file : report.files) {
    file.path = std::filesystem::path(file.path).filename().native();
  }
  return report_json(report);
}

void make_embedded(const PretrainPlan::Documents& plan, Documents& documents) {
  documents.source = {{"embedded", plan.embedded}, {"seed", plan.seed}};
  documents.texts.reserve(static_cast<std::size_t>(plan.embedded));
  const embedded::World world(plan.seed);
  for (std::int64_t i = 0; i < plan.embedded; ++i) {
    throw_if_stop_requested();
    documents.texts.push_back(embedded::world_document(world, static_cast<std::uint64_t>(i)));
  }
}

void check_counts(const PretrainPlan& plan, const Documents& documents) {
  const auto count = static_cast<std::int64_t>(documents.texts.size());
  if (plan.held_out >= count) {
    throw InputError(
        fmt::format("held_out: of {} documents it leaves none to train on; keep fewer", count));
  }
  if (plan.tokenizer.tokens_from > count - plan.held_out) {
    throw InputError(
        fmt::format("tokenizer.tokens_from: is {}, but only {} documents are trained on; the "
                    "tokenizer may not see those held out",
                    plan.tokenizer.tokens_from, count - plan.held_out));
  }
}

}  // namespace

Documents load_documents(const PretrainPlan& plan) {
  Documents documents;
  documents.held_out = plan.held_out;
  if (plan.documents.files.empty()) {
    make_embedded(plan.documents, documents);
  } else {
    DocumentSet set = read_documents(plan.documents.files, kEndToken);
    documents.texts = std::move(set.texts);
    documents.source = account_of(std::move(set.report));
  }
  check_counts(plan, documents);
  Sha256 hash;
  for (const std::string& text : documents.texts) hash.update_field(text);
  documents.sha256 = hash.hex();
  return documents;
}

}  // namespace rankscope
