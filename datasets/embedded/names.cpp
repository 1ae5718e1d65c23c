#include "datasets/embedded/names.h"

#include <span>

#include "common/draws.h"

namespace rankscope::embedded {

namespace {

using Words = std::span<const std::string_view>;

// A name is a beginning, a middle and an end, put together. All combinations of a kind differ.
// There are so many that a tokenizer of some thousand ids learns their parts: a name never read is
// then made of tokens that were.
struct Syllables {
  std::string_view key;
  Words first, middle, last;
  std::uint64_t count() const { return first.size() * middle.size() * last.size(); }
};

constexpr std::string_view kSpace[] = {" "};

constexpr std::string_view kFirstBegins[] = {"Al", "Ber", "Car", "Dan", "El",  "Fa",  "Gre", "Hel",
                                             "In", "Jo",  "Kat", "Lu",  "Mar", "Nel", "Ol",  "Per",
                                             "Ro", "Sab", "Tom", "Ur",  "Vi",  "Wil", "Yo",  "Zel"};
constexpr std::string_view kFirstMiddles[] = {"a", "e", "i", "o", "an", "en", "il", "or"};
constexpr std::string_view kFirstEnds[] = {"ra", "na",  "lo",  "mir",  "ten", "sa",  "ric", "vin",
                                           "da", "lia", "mon", "bert", "ko",  "dor", "nis", "gar"};
constexpr std::string_view kLastBegins[] = {
    "Ash",   "Black", "Brook", "Clay",  "Dray",  "Birch", "Fair",  "Gold",  "Hart", "Hay",
    "Iron",  "Kirk",  "Lang",  "Marsh", "North", "Oak",   "Pen",   "Quick", "Red",  "Stan",
    "Thorn", "Under", "Vane",  "Wat",   "Win",   "Wood",  "Young", "Cross", "Hill", "Stone"};
constexpr std::string_view kLastMiddles[] = {"", "en", "er", "ing"};
constexpr std::string_view kLastEnds[] = {
    "by",     "field", "er",   "man",  "son",  "well",  "worth", "ley", "more",  "ton",
    "wright", "house", "land", "shaw", "ward", "smith", "gate",  "low", "croft", "den"};
constexpr std::string_view kTownBegins[] = {
    "Ar",  "Bel", "Cor", "Dun", "Eld",  "Fen", "Gar", "Hol", "Ips", "Jar", "Kel", "Lor",
    "Mil", "Nor", "Or",  "Pel", "Quil", "Ros", "Sel", "Tor", "Ul",  "Ven", "Wes", "Yar"};
constexpr std::string_view kTownMiddles[] = {"", "a", "en", "ing", "is", "o"};
constexpr std::string_view kTownEnds[] = {"bridge", "bury", "cote", "dale", "ford", "ham",
                                          "haven",  "mere", "moor", "port", "stow", "wick"};
constexpr std::string_view kRiverBegins[] = {
    "Av",  "Br",  "Cal", "Dov", "Esk", "Fl",  "Gl", "Hum", "It",  "Kenn",   "Lyd", "Med",
    "Ned", "Ott", "Pl",  "Rib", "Sev", "Tam", "Us", "Wey", "Yeo", "Strath", "Mor", "Tyn"};
constexpr std::string_view kRiverMiddles[] = {"", "a", "el", "or"};
constexpr std::string_view kRiverEnds[] = {"ane", "el",  "ern",  "ine", "on",  "ore",
                                           "our", "ade", "erry", "oon", "ish", "udd"};
constexpr std::string_view kAdjectives[] = {
    "Bitter", "Blue",    "Broken", "Burning", "Cold",  "Crooked", "Dark",    "Distant",
    "Empty",  "Endless", "First",  "Golden",  "Great", "Green",   "Hidden",  "Hollow",
    "Last",   "Little",  "Lonely", "Long",    "Lost",  "Old",     "Patient", "Quiet",
    "Second", "Silent",  "Silver", "Small",   "Wild",  "Winter"};
constexpr std::string_view kTitleThings[] = {
    "Bell",     "Bird",    "Boat",    "Book",     "Bridge", "Candle",  "Clock",  "Crown",
    "Door",     "Field",   "Fire",    "Forest",   "Garden", "Harbour", "House",  "Island",
    "Journey",  "Key",     "King",    "Lamp",     "Letter", "Map",     "Mirror", "Mountain",
    "Night",    "Orchard", "Painter", "Queen",    "Rain",   "River",   "Road",   "Shadow",
    "Shepherd", "Song",    "Star",    "Stranger", "Summer", "Tower",   "Valley", "Wall"};
constexpr std::string_view kShipBegins[] = {
    "Amber", "Bold",  "Brave", "Bright", "Crimson", "Fair",  "Fleet", "Gallant", "Grey",
    "Happy", "Ivory", "Jolly", "Merry",  "Noble",   "Proud", "Royal", "Swift",   "Trusty"};
constexpr std::string_view kShipEnds[] = {"Albatross", "Badger", "Comet",   "Dolphin", "Eagle",
                                          "Falcon",    "Gull",   "Heron",   "Kestrel", "Lantern",
                                          "Maiden",    "Otter",  "Petrel",  "Raven",   "Salmon",
                                          "Swan",      "Trader", "Venture", "Walrus",  "Wren"};

const Syllables& syllables(NameKind kind) {
  static constexpr Syllables kAll[kNameKinds] = {{"first", kFirstBegins, kFirstMiddles, kFirstEnds},
                                                 {"last", kLastBegins, kLastMiddles, kLastEnds},
                                                 {"town", kTownBegins, kTownMiddles, kTownEnds},
                                                 {"river", kRiverBegins, kRiverMiddles, kRiverEnds},
                                                 {"title", kAdjectives, kSpace, kTitleThings},
                                                 {"ship", kShipBegins, kSpace, kShipEnds}};
  return kAll[static_cast<std::size_t>(kind)];
}

std::uint64_t begin_of(Pool pool, std::uint64_t count) {
  constexpr std::uint64_t kFifths[] = {0, 3, 4, 5};
  return count * kFifths[static_cast<std::size_t>(pool)] / 5;
}

std::uint64_t end_of(Pool pool, std::uint64_t count) {
  return pool == Pool::kScored ? count
                               : begin_of(static_cast<Pool>(static_cast<int>(pool) + 1), count);
}

}  // namespace

Names::Names(std::uint64_t seed) {
  for (std::size_t kind = 0; kind < kNameKinds; ++kind) {
    const Syllables& parts = syllables(static_cast<NameKind>(kind));
    orders_[kind] = Draws(seed, "embedded names", parts.key).permutation(parts.count());
  }
}

std::uint64_t Names::size(NameKind kind, Pool pool) const {
  const std::uint64_t count = syllables(kind).count();
  return end_of(pool, count) - begin_of(pool, count);
}

std::string Names::name(NameKind kind, Pool pool, std::uint64_t index) const {
  const Syllables& parts = syllables(kind);
  const std::uint64_t combination =
      orders_[static_cast<std::size_t>(kind)].at(begin_of(pool, parts.count()) + index);
  std::string text(kind == NameKind::kTitle ? "The " : "");
  text += parts.first[combination % parts.first.size()];
  text += parts.middle[combination / parts.first.size() % parts.middle.size()];
  text += parts.last[combination / (parts.first.size() * parts.middle.size())];
  return text;
}

}  // namespace rankscope::embedded
