// Which label a word of a template is, of made-up results.
#include "experiments/claims/label_words.h"

#include <catch2/catch.hpp>

#include "tests/experiments/claims/planted_results.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

using Words = std::map<std::string, std::string>;

// Of a setting whose configuration holds this template.
Words words_of(const std::string& kind, const std::string& form) {
  PlantedResults planted;
  planted.store().put_dataset(
      {"own",
       "own",
       "dev",
       "dev.jsonl",
       {{"e0", "p", " animal"}, {"e1", "p", " thing"}, {"e2", "p", " thing"}}});
  TrialRecord trial = unscored_trial("done", "Wq", 8, 1);
  trial.task = kind;
  trial.dataset = kind;
  trial.config["score.task"] = kind;
  trial.config["score.template"] = form;
  trial.predictions = {{"e0", "x", {{"accuracy", 0.0}}}, {"e1", "x", {{"accuracy", 0.0}}}};
  planted.store().put_sweep({"planted", "name: s\n", "models/tiny", std::string(64, 'c')});
  planted.store().put_trial(trial);
  const Findings findings = planted.judge(score_claim("above", 5));
  REQUIRE(findings.scores.size() == 1);
  return findings.scores[0].label_words;
}

}  // namespace

TEST_CASE("a score of accuracy has the label of each word, though no answer was right") {
  CHECK(words_of("mnli", "") ==
        Words{{"true", "entailment"}, {"neither", "neutral"}, {"false", "contradiction"}});
  CHECK(words_of(
            "mnli",
            "prompt={premise} {hypothesis}\nA:\ntarget= so: {label}.\nverbalisers=yes,maybe,no") ==
        Words{{"so: yes.", "entailment"}, {"so: maybe.", "neutral"}, {"so: no.", "contradiction"}});
  CHECK(words_of("own", "") == Words{{"animal", "animal"}, {"thing", "thing"}});
  CHECK(words_of("own", "target=It is{target}!") ==
        Words{{"It is animal!", "animal"}, {"It is thing!", "thing"}});
}

TEST_CASE("targets of more than the label, and templates that are none, have no words") {
  CHECK(words_of("mnli", "target={genre}: {label}").empty());
  CHECK(words_of("mnli", "verbalisers=yes,no").empty());
  CHECK(words_of("another", "").empty());
}
