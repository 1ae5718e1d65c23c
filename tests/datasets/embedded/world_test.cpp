// The embedded world: names of one pool each, things and documents that depend on nothing but the
// seed, texts that are true of it.
#include "datasets/embedded/world.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "common/hash.h"
#include "datasets/embedded/events.h"
#include "datasets/embedded/set_files.h"
#include "datasets/embedded/statements.h"
#include "datasets/embedded/world_documents.h"

namespace rankscope::embedded {

namespace {

std::string hash_of_documents(const World& world, std::uint64_t count) {
  Sha256 hash;
  for (std::uint64_t i = 0; i < count; ++i) hash.update_field(world_document(world, i));
  return hash.hex();
}

}  // namespace

TEST_CASE("embedded world: no name is in two pools, and none is given twice") {
  const Names names(kWorldSeed);
  for (std::size_t kind = 0; kind < kNameKinds; ++kind) {
    std::set<std::string> seen;
    std::size_t all = 0;
    for (Pool pool : kPools) {
      const std::uint64_t size = names.size(static_cast<NameKind>(kind), pool);
      CHECK(size >= 50);
      all += size;
      for (std::uint64_t i = 0; i < size; ++i)
        seen.insert(names.name(static_cast<NameKind>(kind), pool, i));
    }
    CAPTURE(kind);
    CHECK(seen.size() == all);
  }
}

TEST_CASE("embedded world: a thing is the same whoever asks, and another seed is another world") {
  const World world(kWorldSeed), same(kWorldSeed), other(kWorldSeed + 1);
  bool differs = false;
  for (std::size_t kind = 0; kind < kinds().size(); ++kind) {
    const std::uint64_t count = std::min<std::uint64_t>(world.count(kind, Pool::kScored), 5000);
    std::set<std::string> seen;
    for (std::uint64_t i = count; i-- > 0;) {
      const Entity a = world.entity(kind, Pool::kScored, i);
      const Entity b = same.entity(kind, Pool::kScored, i);
      REQUIRE(a.name == b.name);
      REQUIRE(a.values == b.values);
      REQUIRE(a.values.size() == kinds()[kind].attributes.size());
      differs = differs || other.entity(kind, Pool::kScored, i).values != a.values;
      seen.insert(a.name);
    }
    CAPTURE(kinds()[kind].key);
    CHECK(seen.size() == count);
  }
  CHECK(differs);
}

TEST_CASE("embedded world: every text of the tables fills in") {
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.key);
    std::set<std::string_view> headers(kind.headers.begin(), kind.headers.end());
    for (const Attribute& attribute : kind.attributes) {
      CAPTURE(attribute.key);
      for (std::string_view header : attribute.headers) CHECK(headers.insert(header).second);
      for (std::string_view text : attribute.statements) {
        CHECK(text.find("{s}") != std::string_view::npos);
        CHECK(text.find("{v}") != std::string_view::npos);
      }
      for (std::string_view text : attribute.questions) {
        CHECK(text.find("{s}") != std::string_view::npos);
        CHECK(text.find("{v}") == std::string_view::npos);
      }
      for (std::string_view text : attribute.conditions)
        CHECK(text.find("{v}") != std::string_view::npos);
      CHECK(attribute.more.empty() == !attribute.values.numeric());
      CHECK(attribute.less.empty() == !attribute.values.numeric());
      CHECK_FALSE(attribute.nouns.empty());
    }
  }
}

TEST_CASE("embedded world: documents are a function of seed and index alone") {
  const World world(kWorldSeed);
  const std::string tenth = world_document(world, 10);
  CHECK(world_document(World(kWorldSeed), 10) == tenth);
  CHECK(world_document(World(kWorldSeed + 1), 10) != tenth);
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < 2000; ++i) seen.insert(world_document(world, i));
  CHECK(seen.size() > 1990);
  // The base in the repository was made from these texts: who changes them must make it again.
  CHECK(hash_of_documents(world, 2000) ==
        "b439fc4aef8e276f9326c984afd70cea58c1df46457e83ea95fcd59cbd603e9e");
}

TEST_CASE("embedded world: no document is laid out as a task's example") {
  const World world(kWorldSeed);
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const std::string text = world_document(world, i);
    CAPTURE(text);
    for (const char* mark : {"sql:", "question:", "table:", "answer:", "FROM table WHERE", "\n\n"})
      CHECK(text.find(mark) == std::string::npos);
    CHECK_FALSE(read_summary(text.substr(text.rfind('\n') + 1)));
  }
}

TEST_CASE("embedded world: summaries say what happened and nothing else") {
  const World world(kWorldSeed);
  std::map<std::string_view, int> seen;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const Event happened = event(world, Pool::kScored, i);
    Picker picker(1, "test", "summary", i);
    const std::optional<Event> said = read_summary(summary(happened, picker));
    REQUIRE(said);
    REQUIRE(said->scenario == happened.scenario);
    for (const auto& [slot, value] : said->values) CHECK(happened.values.at(slot) == value);
    ++seen[happened.scenario->key];
  }
  CHECK(seen.size() == scenarios().size());
  CHECK_FALSE(read_summary("Mira will lend Tom a hat. Tom will fetch it."));
}

TEST_CASE("embedded world: a dialogue holds every value that its summary names") {
  const World world(kWorldSeed);
  for (std::uint64_t i = 0; i < 300; ++i) {
    const Event happened = event(world, Pool::kTraining, i);
    Picker picker(2, "test", "dialogue", i);
    const std::string text = dialogue(happened, Pool::kTraining, 3, picker);
    for (const auto& [slot, value] : happened.values) {
      // A value at the beginning of a turn has a capital.
      CAPTURE(text, slot, value);
      CHECK((text.find(value) != std::string::npos ||
             text.find(sentence(value, "")) != std::string::npos));
    }
  }
}

}  // namespace rankscope::embedded
