#include "experiments/merged_model.h"

#include <memory>
#include <string>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/text.h"
#include "engine/checkpoint/adapter.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

// What a Hugging Face folder may hold beside config and weights that the adapter does not change.
constexpr const char* kCompanions[] = {
    "tokenizer.json",    "tokenizer_config.json", "vocab.json",
    "merges.txt",        "tokenizer.model",       "special_tokens_map.json",
    "added_tokens.json", "chat_template.jinja",   "generation_config.json"};

void copy_companions(const fs::path& from, const fs::path& to) {
  for (const char* name : kCompanions) {
    if (is_there(from / name)) write_file_atomically(to / name, read_regular_file(from / name));
  }
}

[[noreturn]] void refuse(const MergePlan& plan, const Adaptation& adaptation) {
  const bool tokens = adaptation.special_tokens().count() > 0;
  throw InputError(
      "'" + printable_path(plan.adapter) + "' cannot be merged: " +
      (tokens
           ? "its method trains tokens that stand in every sequence, and no weight of the base can "
             "stand in for them"
           : "its method computes with layers of its own between the base's, which no weight of "
             "the base can stand in for") +
      "; use the folder as --adapter");
}

}  // namespace

void write_merged_model(const MergePlan& plan, Backend& backend) {
  FolderTransaction transaction(plan.out, FolderTransaction::Existing::kRefuse);
  const std::unique_ptr<Model> model = load_model(plan.model, backend);
  const std::unique_ptr<Adaptation> adaptation = load_adapter(plan.adapter, *model);
  throw_if_stop_requested(kNothingWritten);
  if (!adaptation->merges_whole()) refuse(plan, *adaptation);
  adaptation->merge_into(*model);
  throw_if_stop_requested(kNothingWritten);
  write_model(transaction.path(), *model, plan.dtype, NotFinite::kRefuse);
  copy_companions(plan.model, transaction.path());
  throw_if_stop_requested(kNothingWritten);
  transaction.commit();
}

}  // namespace rankscope
