#include "metrics/porter_stemmer.h"

#include <array>
#include <cstddef>
#include <span>
#include <utility>

namespace rankscope {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kIrregular = {{
    {"sky", "sky"},
    {"skies", "sky"},
    {"dying", "die"},
    {"lying", "lie"},
    {"tying", "tie"},
    {"news", "news"},
    {"innings", "inning"},
    {"inning", "inning"},
    {"outings", "outing"},
    {"outing", "outing"},
    {"cannings", "canning"},
    {"canning", "canning"},
    {"howe", "howe"},
    {"proceed", "proceed"},
    {"exceed", "exceed"},
    {"succeed", "succeed"},
}};

bool is_vowel_letter(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

// What the conditions of the rules ask about the first `size` letters.
struct Shape {
  int measure = 0;  // Porter's m: how often a consonant follows a vowel
  bool has_vowel = false;
  // Whether the last three letters are consonants, the last one first.
  std::array<bool, 3> consonant{};
};

// A y is a consonant at the start and after a vowel.
Shape shape_of(std::string_view stem) {
  Shape shape;
  bool previous = false;
  for (std::size_t i = 0; i < stem.size(); ++i) {
    const char c = stem[i];
    const bool consonant = !is_vowel_letter(c) && (c != 'y' || i == 0 || !previous);
    shape.has_vowel |= !consonant;
    shape.measure += i > 0 && consonant && !previous;
    shape.consonant = {consonant, shape.consonant[0], shape.consonant[1]};
    previous = consonant;
  }
  return shape;
}

int measure(std::string_view stem) { return shape_of(stem).measure; }

bool ends_double_consonant(std::string_view stem) {
  const std::size_t n = stem.size();
  return n >= 2 && stem[n - 1] == stem[n - 2] && shape_of(stem).consonant[0];
}

// *o: the stem ends consonant, vowel, consonant, the last not w, x or y. NLTK adds the two-letter
// stems of a vowel and a consonant.
bool ends_cvc(std::string_view stem) {
  const std::size_t n = stem.size();
  const Shape shape = shape_of(stem);
  if (n == 2) return !shape.consonant[1] && shape.consonant[0];
  if (n < 3) return false;
  const char last = stem.back();
  return shape.consonant[2] && !shape.consonant[1] && shape.consonant[0] && last != 'w' &&
         last != 'x' && last != 'y';
}

struct Rule {
  std::string_view suffix;
  std::string_view replacement;
};

std::string_view without(std::string_view word, std::string_view suffix) {
  return word.substr(0, word.size() - suffix.size());
}

void replace(std::string& word, std::string_view suffix, std::string_view replacement) {
  word.resize(word.size() - suffix.size());
  word += replacement;
}

// The first rule whose suffix fits decides, whether its condition holds or not.
void apply_rules(std::string& word, std::span<const Rule> rules, int least_measure) {
  for (const Rule& rule : rules) {
    if (!word.ends_with(rule.suffix)) continue;
    if (measure(without(word, rule.suffix)) >= least_measure) {
      replace(word, rule.suffix, rule.replacement);
    }
    return;
  }
}

void step1a(std::string& word) {
  if (word.ends_with("ies")) {
    word.resize(word.size() - (word.size() == 4 ? 1 : 2));
  } else if (word.ends_with("sses")) {
    word.resize(word.size() - 2);
  } else if (word.ends_with("s") && !word.ends_with("ss")) {
    word.pop_back();
  }
}

void step1b(std::string& word) {
  if (word.ends_with("ied")) {
    word.resize(word.size() - (word.size() == 4 ? 1 : 2));
    return;
  }
  if (word.ends_with("eed")) {
    if (measure(without(word, "eed")) > 0) word.pop_back();
    return;
  }
  const std::size_t cut = word.ends_with("ed") ? 2 : word.ends_with("ing") ? 3 : 0;
  if (cut == 0 || !shape_of(std::string_view(word).substr(0, word.size() - cut)).has_vowel) return;
  word.resize(word.size() - cut);
  if (word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz")) {
    word += 'e';
  } else if (ends_double_consonant(word)) {
    const char last = word.back();
    if (last != 'l' && last != 's' && last != 'z') word.pop_back();
  } else if (measure(word) == 1 && ends_cvc(word)) {
    word += 'e';
  }
}

void step1c(std::string& word) {
  if (!word.ends_with("y")) return;
  const std::string_view stem = without(word, "y");
  if (stem.size() > 1 && shape_of(stem).consonant[0]) word.back() = 'i';
}

void step2(std::string& word) {
  static constexpr std::array<Rule, 21> kRules = {{
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
      {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
      {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
      {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
      {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
      {"fulli", "ful"},
  }};
  // NLTK takes this rule first, and the step again on what it leaves.
  if (word.ends_with("alli") && measure(without(word, "alli")) > 0) word.resize(word.size() - 2);
  if (word.ends_with("logi")) {
    // The l counts as part of the stem, so that "geo" and "theo" are long enough.
    if (measure(without(word, "ogi")) > 0) word.pop_back();
    return;
  }
  apply_rules(word, kRules, 1);
}

void step3(std::string& word) {
  static constexpr std::array<Rule, 7> kRules = {{
      {"icate", "ic"},
      {"ative", ""},
      {"alize", "al"},
      {"iciti", "ic"},
      {"ical", "ic"},
      {"ful", ""},
      {"ness", ""},
  }};
  apply_rules(word, kRules, 1);
}

void step4(std::string& word) {
  static constexpr std::array<Rule, 11> kBeforeIon = {{
      {"al", ""},
      {"ance", ""},
      {"ence", ""},
      {"er", ""},
      {"ic", ""},
      {"able", ""},
      {"ible", ""},
      {"ant", ""},
      {"ement", ""},
      {"ment", ""},
      {"ent", ""},
  }};
  static constexpr std::array<Rule, 7> kAfterIon = {{
      {"ou", ""},
      {"ism", ""},
      {"ate", ""},
      {"iti", ""},
      {"ous", ""},
      {"ive", ""},
      {"ize", ""},
  }};
  if (word.ends_with("ion")) {
    const std::string_view stem = without(word, "ion");
    if (measure(stem) > 1 && (stem.back() == 's' || stem.back() == 't')) {
      word.resize(stem.size());
    }
    return;
  }
  const char last = word.back();
  if (last == 'l' || last == 'r' || last == 'c' || last == 't' || last == 'e') {
    const std::size_t before = word.size();
    apply_rules(word, kBeforeIon, 2);
    if (word.size() != before || last != 'e') return;
  }
  apply_rules(word, kAfterIon, 2);
}

void step5(std::string& word) {
  if (word.ends_with("e")) {
    const std::string_view stem = without(word, "e");
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_cvc(stem))) word.pop_back();
  }
  if (word.ends_with("ll") && measure(without(word, "l")) > 1) word.pop_back();
}

}  // namespace

void porter_stem(std::string& word) {
  for (const auto& [form, stem] : kIrregular) {
    if (word == form) {
      word = stem;
      return;
    }
  }
  if (word.size() <= 2) return;
  step1a(word);
  step1b(word);
  step1c(word);
  step2(word);
  step3(word);
  step4(word);
  step5(word);
}

}  // namespace rankscope
