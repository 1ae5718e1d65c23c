#include "experiments/sweep/trial_identity.h"

#include "common/hash.h"
#include "common/json.h"

namespace rankscope {

OrderedJson source_json(const DataSource& s) {
  return {s.task, s.data.native(), s.split,      s.limit,
          s.skip, s.template_keys, s.max_tokens, s.end_token};
}

std::string trial_identity(const TrialConfig& t) {
  const DecodingSettings& d = t.task.score.decoding;
  OrderedJson tuning;
  if (t.tuning) {
    tuning = {t.tuning->rates,
              t.tuning->steps,
              t.tuning->seed,
              t.tuning->settings,
              source_json(t.tuning->train),
              source_json(t.tuning->score)};
  }
  OrderedJson all = {t.role,
                     t.method,
                     t.settings,
                     t.seed,
                     t.seed_of_start(),
                     t.seed_of_data(),
                     t.steps,
                     t.epochs,
                     t.eval_every,
                     t.keep,
                     t.shuffle_targets,
                     t.precision,
                     t.task.name,
                     source_json(t.task.train),
                     source_json(t.task.score.data),
                     source_json(t.task.held_out),
                     d.max_new,
                     d.min_new,
                     d.beams,
                     d.length_penalty,
                     d.no_repeat_ngram,
                     t.task.score.merged,
                     t.task.score.free_text,
                     tuning};
  if (!t.task.score.metric.empty()) all.push_back(t.task.score.metric);
  return sha256_hex(json_text(all));
}

}  // namespace rankscope
