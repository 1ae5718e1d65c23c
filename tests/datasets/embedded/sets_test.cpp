// The embedded task sets: true of the world, apart from what was trained on, and read by the
// official formats' readers.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/interrupt.h"
#include "datasets/embedded/mnli_set.h"
#include "datasets/embedded/samsum_set.h"
#include "datasets/embedded/set_files.h"
#include "datasets/embedded/statements.h"
#include "datasets/embedded/wikisql_set.h"
#include "datasets/embedded/world_documents.h"
#include "datasets/task.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

namespace rankscope::embedded {

namespace {

// Names of the scored pool alone, as they would stand in a text.
std::vector<std::string> scored_names(const World& world) {
  std::vector<std::string> names;
  for (std::size_t kind = 0; kind < kNameKinds; ++kind)
    for (std::uint64_t i = 0; i < world.names().size(static_cast<NameKind>(kind), Pool::kScored);
         ++i)
      names.push_back(world.names().name(static_cast<NameKind>(kind), Pool::kScored, i));
  return names;
}

// Words of a text, punctuation off.
std::set<std::string> words_of(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (char c : std::string(text) + " ") {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::move(word));
      word.clear();
    }
  }
  return words;
}

void check_no_scored_name(const World& world, const std::string& text) {
  const std::set<std::string> words = words_of(text);
  for (const std::string& name : scored_names(world)) {
    // Titles and ships are two words that occur alone: they are looked for as a whole.
    const bool found = name.find(' ') == std::string::npos ? words.contains(name)
                                                           : text.find(name) != std::string::npos;
    if (found) FAIL_CHECK("scored name " << name << " in what is trained on");
  }
}

}  // namespace

TEST_CASE("embedded sets: what is scored names nothing that is trained on") {
  const World world(kWorldSeed);
  std::string documents;
  for (std::uint64_t i = 0; i < 3000; ++i) documents += world_document(world, i) + "\n";
  check_no_scored_name(world, documents);
  std::string training;
  const WikisqlSet wikisql = make_wikisql_set(world, "train", Pool::kTraining, 1000);
  for (const TableQuestion& question : wikisql.questions) training += question.text + "\n";
  for (const WikisqlTable& table : wikisql.tables)
    for (const auto& row : table.rows)
      for (const WikisqlValue& cell : row) training += cell.text + "\n";
  for (const Inference& pair :
       make_mnli_set(world, "train", Pool::kTraining, Genres::kMatched, 1000))
    training += pair.premise + "\n" + pair.hypothesis + "\n";
  for (const SummarizedDialogue& d : make_samsum_set(world, "train", Pool::kTraining, 1000))
    training += d.dialogue + "\n" + d.summary + "\n";
  check_no_scored_name(world, training);
}

TEST_CASE("embedded sets: what is scored is asked in patterns that are not trained on") {
  const World world(kWorldSeed);
  std::set<std::string> trained, scored;
  for (const auto& q : make_wikisql_set(world, "train", Pool::kTraining, 2000).questions)
    trained.insert(q.pattern);
  for (const auto& q : make_wikisql_set(world, "dev", Pool::kScored, 500).questions)
    scored.insert(q.pattern);
  for (const auto& pair : make_mnli_set(world, "train", Pool::kTraining, Genres::kMatched, 2000))
    trained.insert(pair.pattern);
  for (const auto& pair : make_mnli_set(world, "dev_matched", Pool::kScored, Genres::kMatched, 500))
    scored.insert(pair.pattern);
  CHECK(scored.size() > 300);
  for (const std::string& pattern : scored) {
    CHECK_FALSE(trained.contains(pattern));
    CHECK(pool_of_pattern(pattern) == Pool::kScored);
  }
}

TEST_CASE("embedded sets: verdicts follow from what the premise says of the world") {
  const World world(kWorldSeed);
  int counts[3] = {};
  for (Genres genres : {Genres::kMatched, Genres::kMismatched}) {
    for (const Inference& pair : make_mnli_set(world, "dev", Pool::kScored, genres, 600)) {
      CAPTURE(pair.premise, pair.hypothesis);
      ++counts[static_cast<int>(pair.verdict)];
      const Attribute& attribute = pair.subject.kind->attributes[pair.attribute];
      const std::string& truth = pair.subject.values[pair.attribute];
      bool stated = false;
      for (std::string_view form : attribute.statements)
        stated = stated || pair.premise.find(sentence(filled(form, pair.subject.name, truth))) !=
                               std::string::npos;
      CHECK(stated == (pair.verdict != Verdict::kNeutral));
      const bool holds = (pair.value == truth) != pair.denied;
      CHECK(pair.hypothesis.starts_with("It is not ") == pair.denied);
      if (pair.verdict == Verdict::kEntailment) CHECK(holds);
      if (pair.verdict == Verdict::kContradiction) CHECK_FALSE(holds);
      // At the beginning of a sentence a value has a capital.
      CHECK((pair.hypothesis.find(pair.value) != std::string::npos ||
             pair.hypothesis.find(sentence(pair.value, "")) != std::string::npos));
      CHECK(pair.hypothesis.find(pair.subject.name) != std::string::npos);
    }
  }
  for (int count : counts) CHECK(count > 300);
}

TEST_CASE("embedded sets: tables hold what is true of the world") {
  const World world(kWorldSeed);
  const WikisqlSet set = make_wikisql_set(world, "dev", Pool::kScored, 300);
  std::set<std::string> named;
  for (const WikisqlTable& table : set.tables)
    for (const auto& row : table.rows) named.insert(row[0].text);
  // The things of the pool that the tables name.
  std::map<std::string, Entity> things;
  for (std::size_t kind = 0; kind < kinds().size(); ++kind)
    for (std::uint64_t i = 0; i < world.count(kind, Pool::kScored); ++i) {
      if (kinds()[kind].key == "person" && !named.contains(world.person_name(Pool::kScored, i)))
        continue;
      Entity entity = world.entity(kind, Pool::kScored, i);
      things.emplace(entity.name, std::move(entity));
    }
  for (const WikisqlTable& table : set.tables) {
    for (const auto& row : table.rows) {
      const Entity& entity = things.at(row[0].text);
      for (std::size_t c = 1; c < row.size(); ++c) {
        bool found = false;
        for (std::size_t a = 0; a < entity.values.size(); ++a) {
          const auto& headers = entity.kind->attributes[a].headers;
          if (std::find(headers.begin(), headers.end(), table.header[c]) != headers.end())
            found = entity.values[a] == row[c].text;
        }
        CAPTURE(table.id, row[0].text, table.header[c]);
        CHECK(found);
      }
    }
  }
}

TEST_CASE("embedded sets: the readers keep every example") {
  const tests::TemporaryFolder folder;
  const std::filesystem::path sets = folder / "sets";
  write_sets(World(kWorldSeed), sets);
  for (const char* name : {"wikisql", "mnli", "samsum"}) {
    const Task& task = find_task(name);
    for (std::string split : {"train", "dev", "test"}) {
      if (task.name == "mnli" && split != "train")
        split = split == "dev" ? "dev_matched" : "dev_mismatched";
      const RecordSet set = read_records(task, find_split(task, sets / name, split));
      CAPTURE(name, split);
      CHECK(set.records.size() == (split == "train" ? 4000 : 500));
      CHECK(set.report.skipped_total() == 0);
    }
  }
}

TEST_CASE("embedded sets: the files in the repository are what the world makes") {
  namespace fs = std::filesystem;
  const tests::TemporaryFolder folder;
  const fs::path sets = folder / "above" / "sets";
  const std::vector<SetFile> written = write_sets(World(kWorldSeed), sets);
  const fs::path kept = RANKSCOPE_SOURCE_DIR "/datasets/embedded";
  std::size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(sets)) {
    if (!entry.is_regular_file()) continue;
    const fs::path name = fs::relative(entry.path(), sets);
    CAPTURE(name);
    CHECK((read_text_file(entry.path()) == read_text_file(kept / name)));
    CHECK(std::ranges::count(written, name.string(), &SetFile::name) == 1);
    ++files;
  }
  CHECK(files == 12);
  CHECK(written.size() == files);
}

TEST_CASE(
    "embedded sets: nothing that is there is replaced, and what is interrupted leaves nothing") {
  namespace fs = std::filesystem;
  const tests::TemporaryFolder folder;
  const fs::path data = folder / "data";
  fs::create_directories(data / "wikisql");
  write_file_atomically(data / "wikisql" / "train.jsonl", "the official release");
  CHECK_THAT(tests::error_text<InputError>([&] { write_sets(World(kWorldSeed), data); }),
             Catch::Contains("File exists; give another --out folder"));
  CHECK(read_text_file(data / "wikisql" / "train.jsonl") == "the official release");
  request_stop();
  CHECK_THROWS_AS(write_sets(World(kWorldSeed), folder / "sets"), Interrupted);
  clear_stop_request();
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

}  // namespace rankscope::embedded
