#include "datasets/embedded/mnli_set.h"

#include <algorithm>
#include <array>
#include <span>

#include "datasets/embedded/statements.h"

namespace rankscope::embedded {

namespace {

// Share of pairs, in percent, whose premise tells of two things.
constexpr int kTwoSubjects = 15;
// Share of hypotheses that deny something, by verdict. MNLI's contradictions are marked by negation
// too (arXiv 1803.02324, section 3).
constexpr std::array<int, 3> kDenials = {10, 10, 50};  // entailment, neutral, contradiction

constexpr std::array<std::string_view, 2> kDenied = {"it is not so that ", "it is not true that "};

struct Genre {
  std::string_view name;
  // {t}: the sentences; {f}, {g}: first names; {w}: a town.
  std::string_view layout;
};

constexpr std::array<Genre, 4> kMatchedGenres = {
    Genre{"description", "{t}"},
    {"letter", "Dear {f}, you asked me what I know. {t} Yours, {g}"},
    {"news", "{w}, today. {t}"},
    {"lecture", "Let us begin. {t} Write it down."}};
constexpr std::array<Genre, 3> kMismatchedGenres = {
    Genre{"diary", "I met {f} today and learned much. {t} Now to bed."},
    {"guide", "Welcome to {w}! {t} Please follow me."},
    {"court", "The witness {f} was heard. {t} So the witness said."}};

struct PairDraft {
  Inference pair;
  std::string text;  // of the pattern
  const std::string& pattern() const { return text; }
};

std::string laid_out(std::string_view layout, std::string_view told, const World& world, Pool pool,
                     Picker& picker) {
  std::string text;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if (layout[i] != '{') {
      text += layout[i];
      continue;
    }
    const char slot = layout[i + 1];
    text += slot == 't'   ? std::string(told)
            : slot == 'w' ? world.any_name(NameKind::kTown, pool, picker)
                          : world.any_name(NameKind::kFirst, pool, picker);
    i += 2;
  }
  return text;
}

PairDraft any_pair(const World& world, Pool pool, std::span<const Genre> genres, Picker& picker) {
  PairDraft draft;
  const std::size_t kind = picker.below(kinds().size());
  std::vector<Entity> entities = {world.any(kind, pool, picker)};
  if (picker.chance(kTwoSubjects)) {
    do {
      entities.resize(1);
      entities.push_back(world.any(kind, pool, picker));
    } while (entities[0].name == entities[1].name);
  }
  std::vector<Description> told;
  std::vector<std::string> sentences;
  for (const Entity& entity : entities) {
    told.push_back(
        any_description(*entity.kind, (entities.size() == 2 ? 1 : 2) + picker.below(2), picker));
    draft.text += told.back().pattern() + "/";
    for (const std::string& s : told.back().sentences(entity)) sentences.push_back(sentence(s));
  }
  const Genre& genre = picker.pick(genres);
  draft.text += genre.layout;
  Inference& pair = draft.pair;
  pair.genre = genre.name;
  pair.premise = laid_out(genre.layout, join(sentences, " "), world, pool, picker);

  pair.verdict = static_cast<Verdict>(picker.below(3));
  const std::size_t e = picker.below(entities.size());
  pair.subject = entities[e];
  std::vector<std::size_t> candidates;
  for (std::size_t a = 0; a < pair.subject.values.size(); ++a) {
    const bool stated = std::ranges::find(told[e].attributes, a) != told[e].attributes.end();
    if (stated != (pair.verdict == Verdict::kNeutral)) candidates.push_back(a);
  }
  pair.attribute = picker.pick(candidates);
  const Attribute& attribute = pair.subject.kind->attributes[pair.attribute];
  const std::string& truth = pair.subject.values[pair.attribute];
  std::string form(picker.pick(attribute.statements));
  pair.denied = picker.chance(kDenials[static_cast<std::size_t>(pair.verdict)]);
  if (pair.denied) form = std::string(picker.pick(kDenied)) + form;
  // What is entailed is true and not denied, or denied and not true.
  const bool other = pair.verdict == Verdict::kNeutral
                         ? picker.chance(50)
                         : (pair.verdict == Verdict::kContradiction) != pair.denied;
  pair.value = truth;
  if (other) {
    const Entity& second = entities[entities.size() - 1 - e];
    pair.value = wrong_value(world, pair.subject, second, pair.attribute, pool, picker);
  }
  draft.text += "/" + form;
  pair.hypothesis = sentence(filled(form, pair.subject.name, pair.value));
  return draft;
}

}  // namespace

std::string_view label(Verdict verdict) {
  constexpr std::array<std::string_view, 3> kLabels = {"entailment", "neutral", "contradiction"};
  return kLabels[static_cast<std::size_t>(verdict)];
}

std::vector<Inference> make_mnli_set(const World& world, std::string_view split, Pool pool,
                                     Genres genres, std::size_t count) {
  std::vector<Inference> set;
  for (std::size_t i = 0; i < count; ++i) {
    Picker picker(world.seed(), "embedded pair", split, i);
    PairDraft draft = of_pool(pool, [&] {
      return genres == Genres::kMatched
                 ? any_pair(world, pool, std::span<const Genre>(kMatchedGenres), picker)
                 : any_pair(world, pool, std::span<const Genre>(kMismatchedGenres), picker);
    });
    draft.pair.pattern = draft.text;
    set.push_back(std::move(draft.pair));
  }
  return set;
}

}  // namespace rankscope::embedded
