#include "experiments/sweep/trial_cost.h"

#include <algorithm>

#include "common/error.h"
#include "experiments/sweep/trial_identity.h"

namespace rankscope {

namespace {

// Enough for a mean length that is off by less than the rest of the estimate.
constexpr std::uint64_t kLookedAt = 200;

std::string key_of(const DataSource& source) { return json_text(source_json(source)); }

}  // namespace

TrialCosts::TrialCosts(const Manifest& manifest, const ModelShape& shape) : shape_(shape) {
  for (const SiteSpec& site : shape.sites)
    products_ += 2 * static_cast<double>(site.in) * static_cast<double>(site.out);
  head_ =
      2 * static_cast<double>(shape.config.vocabulary) * static_cast<double>(shape.config.width);
  try {
    const BaseTokenizer tokenizer(manifest.base, shape.config);
    for (const Trial& trial : manifest.trials) {
      if (trial.trains()) look_into(trial.config.task.train, tokenizer);
      look_into(trial.config.task.score.data, tokenizer);
    }
  } catch (const Error&) {  // no tokenizer
  }
}

TrialCosts::Texts TrialCosts::published(const DataSource& source) {
  Texts texts;
  texts.examples = source.limit > 0 ? static_cast<double>(source.limit) : 50000;
  texts.prompt = find_task(source.task).usual_prompt;
  texts.target = find_task(source.task).usual_target;
  return texts;
}

void TrialCosts::look_into(const DataSource& source, const BaseTokenizer& tokenizer) {
  const auto [found, is_new] = texts_.try_emplace(key_of(source), published(source));
  if (!is_new) return;
  Texts& texts = found->second;
  try {
    const RecordSet all = read_records(find_task(source.task), file_of(source), {},
                                       {.limit = read_limit(source), .allow_unlabelled = true});
    texts.examples = static_cast<double>(all.records.size() -
                                         std::min<std::size_t>(all.records.size(), source.skip));
    DataSource first = source;
    first.limit = source.limit > 0 ? std::min(source.limit, kLookedAt) : kLookedAt;
    const TaskExamples read = read_task_examples(first, tokenizer, shape_.config, 0, false);
    double prompt = 0, target = 0, choices = 0;
    for (const EncodedExample& example : read.examples) {
      prompt += static_cast<double>(example.prompt.size());
      target += static_cast<double>(example.target.size());
      texts.longest =
          std::max(texts.longest, std::ssize(example.prompt) + std::ssize(example.target));
      for (const auto& choice : example.choices) choices += static_cast<double>(choice.size());
    }
    const auto count = static_cast<double>(read.examples.size());
    texts.prompt = prompt / count;
    texts.target = target / count;
    texts.choices = choices / count;
  } catch (const Error&) {
  }
}

TrialCosts::Texts TrialCosts::texts_of(const DataSource& source) const {
  const auto found = texts_.find(key_of(source));
  return found == texts_.end() ? published(source) : found->second;
}

double TrialCosts::layers(double length) const {
  const ModelConfig& c = shape_.config;
  const double attention =
      4 * static_cast<double>(c.heads * c.head_dim) * static_cast<double>(c.layers);
  return products_ + attention * length / 2;
}

double TrialCosts::of(const Trial& trial) const {
  return of_training(trial) + of_evaluation(trial);
}

double TrialCosts::left_of(const Trial& trial, const SweepFolder& folder) const {
  return folder.is_trained(trial) ? of_evaluation(trial) : of(trial);
}

std::int64_t TrialCosts::longest_example(const Trial& trial) const {
  if (!trial.trains()) return 0;
  const std::int64_t longest = texts_of(trial.config.task.train).longest;
  if (longest == 0) return 0;
  return std::min(longest + method_of(trial)->special_tokens().count(), shape_.config.context);
}

double TrialCosts::of_training(const Trial& trial) const {
  if (!trial.trains()) return 0;
  const TrialConfig& config = trial.config;
  double batch = 8;
  if (const auto found = config.settings.find("batch"); found != config.settings.end())
    batch = std::stod(found->second);
  const Texts texts = texts_of(config.task.train);
  const double examples = config.epochs > 0 ? config.epochs * texts.examples
                                            : static_cast<double>(config.steps) * batch;
  // Forward and the activations' gradients; the weights' gradients where they are trained.
  const double passes = method_of(trial)->reach(shape_).base_from ? 3 : 2;
  const double length = texts.prompt + texts.target;
  double flops = examples * passes * (length * layers(length) + texts.target * head_);
  if (const auto rank = config.settings.find("rank"); rank != config.settings.end())
    flops *= 1 + 1e-4 * std::stod(rank->second);  // the larger rank first, other things equal
  return flops;
}

double TrialCosts::of_evaluation(const Trial& trial) const {
  const ScoreSettings& score = trial.config.task.score;
  const Texts texts = texts_of(score.data);
  double one = texts.prompt * layers(texts.prompt);
  if (texts.choices > 0 && !score.free_text) {
    one += texts.choices * (layers(texts.prompt) + head_);
  } else {
    // What was trained ends as its targets do; the untrained base goes on.
    const auto most = static_cast<double>(score.decoding.max_new);
    const double made = trial.trains() && texts.target > 0 ? std::min(most, texts.target) : most;
    one += static_cast<double>(score.decoding.beams) * made * (layers(texts.prompt + made) + head_);
  }
  return texts.examples * one;
}

}  // namespace rankscope
