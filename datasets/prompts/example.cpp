#include "datasets/prompts/example.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/error.h"
#include "common/text.h"

namespace rankscope {
namespace {

constexpr std::size_t kIdsShown = 5;

// Where a text may be cut so that whole units remain, 0 and the text's end left out, ascending.
// Units: those of the template, then words, then characters.
using Places = std::vector<std::size_t>;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Before each separator when the start is kept, behind it when the end is.
Places separators(std::string_view text, std::string_view separator, Truncation::Keep keep) {
  const std::size_t behind = keep == Truncation::Keep::kEnd ? separator.size() : 0;
  Places places;
  for (std::size_t at = text.find(separator); at != std::string_view::npos;
       at = text.find(separator, at + separator.size())) {
    const std::size_t place = at + behind;
    if (place > 0 && place < text.size()) places.push_back(place);
  }
  return places;
}

Places words(std::string_view text, Truncation::Keep keep) {
  Places places;
  for (std::size_t at = 1; at < text.size(); ++at) {
    const bool ends = !is_space(text[at - 1]) && is_space(text[at]);
    const bool begins = is_space(text[at - 1]) && !is_space(text[at]);
    if (keep == Truncation::Keep::kStart ? ends : begins) places.push_back(at);
  }
  return places;
}

Places characters(std::string_view text) {
  Places places;
  for (std::size_t at = 1; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80U) places.push_back(at);
  }
  return places;
}

Places places_of(std::string_view text, Truncation::Unit unit, Truncation::Keep keep) {
  switch (unit) {
    case Truncation::Unit::kLines:
      return separators(text, "\n", keep);
    case Truncation::Unit::kListItems:
      return separators(text, ", ", keep);
    case Truncation::Unit::kWords:
      return words(text, keep);
  }
  return {};
}

// Cuts one field so that `fits`, by as little as it takes. False where even without the field it
// does not fit: then the field is left empty.
template <typename Fits>
bool cut_field(std::string& field, const CompiledTemplate::Cut& cut, const Fits& fits) {
  const std::string whole = field;
  const auto kept = [&](std::size_t place) {
    return cut.keep == Truncation::Keep::kStart ? whole.substr(0, place) : whole.substr(place);
  };
  const auto try_places = [&](Places places) {
    // The more is kept, the further back; a larger index always keeps more.
    if (cut.keep == Truncation::Keep::kEnd) std::ranges::reverse(places);
    std::size_t good = 0;  // the first `good` places fit, as far as is known
    std::size_t bad = places.size();
    while (good < bad) {
      const std::size_t middle = good + (bad - good) / 2;
      field = kept(places[middle]);
      if (fits()) {
        good = middle + 1;
      } else {
        bad = middle;
      }
    }
    if (good == 0) return false;
    field = kept(places[good - 1]);
    return true;
  };
  field.clear();
  if (!fits()) return false;
  if (try_places(places_of(whole, cut.unit, cut.keep))) return true;
  if (cut.unit != Truncation::Unit::kWords && try_places(words(whole, cut.keep))) return true;
  if (!try_places(characters(whole))) field.clear();
  return true;
}

}  // namespace

Example make_example(const CompiledTemplate& form, const Record& record) {
  const std::vector<std::string> fields = form.values(record);
  return {.id = record.id,
          .prompt = form.prompt(fields),
          .target = record.has_target ? form.target(fields) : std::string(),
          .has_target = record.has_target,
          .references = record.references,
          .choices = form.choices(record),
          .gold = record.gold};
}

std::optional<EncodedExample> encode_example(const CompiledTemplate& form, const Record& record,
                                             const Encode& encode, const EncodeLimits& limits,
                                             EncodeReport& report) {
  std::size_t behind = limits.reserved_tokens;
  const auto answer = [&](const std::string& text) {
    std::vector<std::int32_t> tokens = encode(text, Part::kContinuation);
    if (std::ranges::find(tokens, limits.end_token) != tokens.end()) {
      throw InputError(
          fmt::format("the answer '{}' of '{}' holds the end token, {}: no text that is generated "
                      "goes on behind it; take its text out of the answer, or choose another end "
                      "token",
                      printable(text), printable(record.id), limits.end_token));
    }
    tokens.push_back(limits.end_token);
    // Room for the gold answer would tell the model that generates its length.
    if (limits.reserved_tokens == 0) behind = std::max(behind, tokens.size());
    return tokens;
  };
  ++report.examples;
  EncodedExample example;
  example.id = record.id;
  example.gold = record.gold;
  std::vector<std::string> fields = form.values(record);
  if (record.has_target) example.target = answer(form.target(fields));
  for (const std::string& choice : form.choices(record)) example.choices.push_back(answer(choice));
  const auto fits = [&] {
    example.prompt = encode(form.prompt(fields), Part::kPrompt);
    return example.prompt.size() + behind <= limits.max_tokens;
  };
  if (fits()) return example;
  const std::size_t whole = example.prompt.size();
  bool enough = false;
  for (const CompiledTemplate::Cut& cut : form.cuts()) {
    if (enough) break;
    enough = cut_field(fields[cut.field], cut, fits);
  }
  // Encodes what was settled on, which need not be what was tried last.
  if (!enough || !fits()) {
    ++report.too_long;
    if (report.too_long_ids.size() < kIdsShown) report.too_long_ids.push_back(record.id);
    return std::nullopt;
  }
  example.dropped_tokens = whole - std::min(whole, example.prompt.size());
  ++report.truncated;
  report.dropped_tokens += example.dropped_tokens;
  return example;
}

}  // namespace rankscope
