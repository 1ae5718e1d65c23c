#include "experiments/pretrain/pretrain_run.h"

#include <algorithm>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "common/log.h"
#include "common/text.h"
#include "datasets/tokenizer/bpe_trainer.h"
#include "engine/training/numeric_version.h"
#include "experiments/pretrain/base_folder.h"
#include "experiments/pretrain/gpt2_start.h"
#include "experiments/pretrain/pretrain_folder.h"
#include "experiments/pretrain/windows.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

// As many training windows as are held out measure the final training loss, but not fewer.
constexpr std::size_t kLeastMeasured = 16;

std::string train_tokenizer(const PretrainPlan& plan, const Documents& documents) {
  BpeTrainer trainer({.pattern = *tokenizer::find_pattern_name(plan.tokenizer.pattern),
                      .vocabulary = plan.tokenizer.vocabulary,
                      .special_tokens = {kEndToken}});
  std::span<const std::string> texts = documents.trained();
  if (plan.tokenizer.tokens_from > 0) {
    texts = texts.first(static_cast<std::size_t>(plan.tokenizer.tokens_from));
  }
  for (const std::string& text : texts) {
    throw_if_stop_requested();
    trainer.add(text);
  }
  return trainer.train();
}

OrderedJson account_of(const Windows& windows) {
  return {{"documents", windows.documents},
          {"tokens", windows.tokens},
          {"windows", windows.examples.size()},
          {"documents_cut", windows.documents_cut},
          {"tokens_cut", windows.tokens_cut}};
}

// Lines that `nll --data` and `train --data` read.
std::string token_lines(const std::vector<TokenExample>& examples) {
  std::string text;
  for (const TokenExample& example : examples) {
    text += OrderedJson{{"prompt_ids", example.prompt}, {"target_ids", example.target}}.dump();
    text += '\n';
  }
  return text;
}

class Pretraining {
 public:
  Pretraining(const PretrainPlan& plan, const PretrainRunOptions& options)
      : plan_(plan),
        options_(options),
        documents_(load_documents(plan)),
        identity_(identity_of(plan, documents_)),
        folder_(options.out, identity_) {}

  PretrainOutcome run(const std::function<void(const TrainProgress&)>& on_step) {
    PretrainOutcome outcome;
    if (auto record = folder_.finished()) {
      outcome.already_done = true;
      outcome.record = std::move(*record);
      return outcome;
    }
    make_start();
    make_examples();
    outcome.training = train(on_step);
    if (outcome.training.diverged) return outcome;
    throw_if_stop_requested();
    const BaseParts parts{
        folder_.trained_weights(),
        gpt2_config(plan_.model, vocabulary_, end_token_, "bfloat16"),
        read_regular_file(folder_.start() / "tokenizer.json"),
    };
    write_base(folder_.base(), parts, [&](const fs::path& made) {
      outcome.record = record_of(made, outcome.training);
      return outcome.record;
    });
    return outcome;
  }

 private:
  void make_start() {
    if (is_there(folder_.start())) return;
    write_start(folder_.start(), plan_, train_tokenizer(plan_, documents_));
  }

  void make_examples() {
    const Tokenizer tokenizer = Tokenizer::load(folder_.start());
    vocabulary_ = tokenizer.id_count();
    const std::optional<std::int32_t> end_token = tokenizer.id_of(kEndToken);
    if (!end_token) {
      throw InputError(printable_path(folder_.start()) +
                       ": its tokenizer was changed; remove the folder to make it anew");
    }
    end_token_ = *end_token;
    if (vocabulary_ < plan_.tokenizer.vocabulary) {
      log::warning("the documents give a vocabulary of {}, not {}: no pair is left to merge",
                   vocabulary_, plan_.tokenizer.vocabulary);
    }
    const auto windows = [&](std::span<const std::string> documents) {
      return pack_documents(documents, tokenizer, end_token_, plan_.window, plan_.joining);
    };
    Windows trained = windows(documents_.trained());
    Windows held_out = windows(documents_.kept_back());
    trained_account_ = account_of(trained);
    held_out_account_ = account_of(held_out);
    log::info(
        "{} documents, {} tokens in {} windows ({} documents cut), taken {:.2f} times each; {} "
        "documents held out",
        trained.documents, trained.tokens, trained.examples.size(), trained.documents_cut,
        epochs_over(trained.examples.size()), held_out.documents);
    trained_ = made_examples(std::move(trained.examples));
    held_out_ = made_examples(std::move(held_out.examples));
    documents_.texts = {};
    if (!held_out_.examples.empty()) {
      write_file_atomically(folder_.held_out(), token_lines(held_out_.examples));
    }
  }

  double epochs_over(std::size_t windows) const {
    Settings values(plan_.training);
    const TrainSettings settings = TrainSettings::from(values);
    return static_cast<double>(settings.steps * settings.batch) / static_cast<double>(windows);
  }

  TrainOutcome train(const std::function<void(const TrainProgress&)>& on_step) const {
    TrainRunOptions run;
    run.model = folder_.start();
    run.data = &trained_;
    if (!held_out_.examples.empty()) run.eval_data = &held_out_;
    run.out = folder_.training();
    run.method = "full";
    run.settings = Settings(plan_.training);
    run.eval_every = plan_.eval_every;
    run.device.threads = options_.threads;
    return run_training(run, on_step);
  }

  // What `nll` would print of the base as it will be loaded.
  static OrderedJson measured(const Model& model, const std::vector<TokenExample>& examples) {
    const Evaluation result =
        evaluate(model, nullptr, examples, TrainSettings{}.micro_batch_tokens);
    std::int64_t tokens = 0;
    for (const std::int64_t count : result.tokens) tokens += count;
    return {{"windows", examples.size()}, {"target_tokens", tokens}, {"nll", result.mean()}};
  }

  OrderedJson record_of(const fs::path& made, const TrainOutcome& training) const {
    const std::unique_ptr<Backend> backend = make_cpu_backend(options_.threads);
    const std::unique_ptr<Model> model = load_model(made, *backend);
    const std::size_t sample =
        std::min(trained_.examples.size(), std::max(held_out_.examples.size(), kLeastMeasured));
    const std::vector<TokenExample> first(
        trained_.examples.begin(), trained_.examples.begin() + static_cast<std::ptrdiff_t>(sample));
    OrderedJson record;
    record["name"] = plan_.name;
    record["identity"] = identity_;
    record["documents"] = documents_.source;
    record["vocabulary"] = vocabulary_;
    record["parameters"] = model->shape().parameters();
    record["trained"] = trained_account_;
    record["held_out"] = held_out_account_;
    record["steps"] = training.steps;
    record["train_loss"] = measured(*model, first);
    if (!held_out_.examples.empty()) {
      record["held_out_loss"] = measured(*model, held_out_.examples);
    }
    record["backend"] = std::string(backend->name());
    record["instruction_set"] = std::string(backend->instruction_set());
    record["numeric_version"] = kNumericVersion;
    return record;
  }

  const PretrainPlan& plan_;
  const PretrainRunOptions& options_;
  Documents documents_;
  PretrainIdentity identity_;
  PretrainFolder folder_;
  std::int64_t vocabulary_ = 0;
  std::int32_t end_token_ = 0;
  OrderedJson trained_account_, held_out_account_;
  LoadedExamples trained_, held_out_;
};

}  // namespace

PretrainOutcome run_pretrain(const PretrainPlan& plan, const PretrainRunOptions& options,
                             const std::function<void(const TrainProgress&)>& on_step) {
  return Pretraining(plan, options).run(on_step);
}

}  // namespace rankscope
