#include <fmt/format.h>

#include <array>

#include "common/error.h"
#include "common/suggest.h"
#include "common/text.h"
#include "datasets/prompts/template.h"

namespace rankscope {
namespace {

constexpr std::array<std::string_view, 2> kKeeps = {"start", "end"};
constexpr std::array<std::string_view, 3> kUnits = {"lines", "items", "words"};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

// The place of `word` among `words`.
template <std::size_t N>
std::size_t place_of(const std::string& word, const std::array<std::string_view, N>& words) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == word) return i;
  }
  throw InputError(fmt::format("template key 'truncate': must be one of {}, not '{}'",
                               fmt::join(words, ", "), printable(word)));
}

Truncation parse_truncation(const std::string& text) {
  const std::vector<std::string> parts = split(text, ':');
  if (parts.size() > 3 || parts[0].empty()) {
    throw InputError(
        "template key 'truncate': must be FIELD[:start|end[:lines|items|words]],... , "
        "not '" +
        printable(text) + "'");
  }
  Truncation truncation;
  truncation.field = parts[0];
  if (parts.size() > 1) truncation.keep = static_cast<Truncation::Keep>(place_of(parts[1], kKeeps));
  if (parts.size() > 2) truncation.unit = static_cast<Truncation::Unit>(place_of(parts[2], kUnits));
  return truncation;
}

}  // namespace

void PromptTemplate::set(std::string_view key, std::string_view value) {
  if (key == "prompt") {
    prompt = value;
  } else if (key == "target") {
    target = value;
  } else if (key == "verbalisers") {
    verbalisers = split(value, ',');
  } else if (key == "truncate") {
    truncate.clear();
    default_truncate = false;
    if (value.empty()) return;
    for (const std::string& part : split(value, ',')) truncate.push_back(parse_truncation(part));
  } else {
    const std::vector<std::string> known = {"prompt", "target", "truncate", "verbalisers"};
    throw InputError(fmt::format("template key '{}' is not known; there are {}{}", printable(key),
                                 fmt::join(known, ", "), did_you_mean(key, known)));
  }
}

std::vector<std::pair<std::string, std::string>> PromptTemplate::settings() const {
  std::vector<std::string> cuts;
  for (const Truncation& cut : truncate) {
    cuts.push_back(fmt::format("{}:{}:{}", cut.field, kKeeps[static_cast<std::size_t>(cut.keep)],
                               kUnits[static_cast<std::size_t>(cut.unit)]));
  }
  return {{"prompt", prompt},
          {"target", target},
          {"truncate", fmt::format("{}", fmt::join(cuts, ","))},
          {"verbalisers", fmt::format("{}", fmt::join(verbalisers, ","))}};
}

}  // namespace rankscope
