#include <catch2/catch.hpp>
#include <string>

#include "common/error.h"
#include "common/text.h"
#include "datasets/prompts/example.h"
#include "datasets/task.h"
#include "tests/error_text.h"

using namespace rankscope;
using rankscope::tests::error_text;

namespace {

// A token a byte: lengths can be read off the texts.
std::vector<std::int32_t> bytes(std::string_view text, Part) {
  return {reinterpret_cast<const unsigned char*>(text.data()),
          reinterpret_cast<const unsigned char*>(text.data()) + text.size()};
}

std::string text_of(const std::vector<std::int32_t>& tokens) {
  return {tokens.begin(), tokens.end()};
}

constexpr std::int32_t kEnd = 1000;

struct Outcome {
  std::optional<EncodedExample> example;
  EncodeReport report;
  std::string prompt() const { return text_of(example->prompt); }
};

Outcome encode(const char* name, std::vector<std::string> fields, std::size_t max_tokens,
               std::size_t reserved = 0, std::int32_t end_token = kEnd) {
  const Task& task = find_task(name);
  const CompiledTemplate form(task, task.default_template());
  Record record;
  record.id = "r";
  record.fields = std::move(fields);
  if (!task.labels.empty()) record.gold = 1;
  record.references = {"x"};
  Outcome outcome;
  outcome.example = encode_example(
      form, record, bytes,
      {.max_tokens = max_tokens, .reserved_tokens = reserved, .end_token = end_token},
      outcome.report);
  return outcome;
}

}  // namespace

TEST_CASE("what fits is left whole, its target ends with the end token") {
  // "ab\n\n" and " s" and the end: 4 + 2 + 1.
  const Outcome whole = encode("samsum", {"ab", "s"}, 7);
  REQUIRE(whole.example);
  CHECK(whole.prompt() == "ab\n\n");
  CHECK(whole.example->target == std::vector<std::int32_t>{' ', 's', kEnd});
  CHECK(whole.example->dropped_tokens == 0);
  CHECK(whole.report.examples == 1);
  CHECK(whole.report.truncated == 0);
  const Outcome cut = encode("samsum", {"ab", "s"}, 6);
  CHECK(cut.prompt() == "a\n\n");
  CHECK(cut.report.truncated == 1);
  CHECK(cut.report.dropped_tokens == 1);
}

TEST_CASE("an answer that holds the end token is refused") {
  const auto refusal = [](const char* name, std::vector<std::string> fields, char end) {
    return error_text<InputError>([&] { encode(name, std::move(fields), 200, 0, end); });
  };
  CHECK_THAT(refusal("samsum", {"ab", "s. t"}, '.'),
             Catch::Contains("the answer ' s. t' of 'r' holds the end token, 46"));
  // A choice, where the target has none.
  CHECK_THAT(refusal("mnli", {"p q", "h", "", "neutral"}, 'u'),
             Catch::Contains("the answer ' true' of 'r' holds the end token"));
  // In a prompt it ends nothing.
  CHECK(encode("samsum", {"a. b", "s t"}, 200, 0, '.').prompt() == "a. b\n\n");
}

TEST_CASE("a dialogue loses whole utterances from its end, and as few as it must") {
  const std::string dialogue = "A: one\nB: two\nC: three\nD: four";
  const std::size_t fixed = 2 + 3;
  CHECK(encode("samsum", {dialogue, "s"}, fixed + 29).prompt() == "A: one\nB: two\nC: three\n\n");
  CHECK(encode("samsum", {dialogue, "s"}, fixed + 22).prompt() == "A: one\nB: two\nC: three\n\n");
  CHECK(encode("samsum", {dialogue, "s"}, fixed + 21).prompt() == "A: one\nB: two\n\n");
  CHECK(encode("samsum", {dialogue, "s"}, fixed + 6).prompt() == "A: one\n\n");
  CHECK(encode("samsum", {dialogue, "s"}, fixed + 5).prompt() == "A:\n\n");  // words
  CHECK(encode("samsum", {dialogue, "s"}, fixed + 1).prompt() == "A\n\n");   // characters
  CHECK(encode("samsum", {dialogue, "s"}, fixed).prompt() == "\n\n");
  const Outcome none = encode("samsum", {dialogue, "s"}, fixed - 1);
  CHECK_FALSE(none.example);
  CHECK(none.report.too_long == 1);
  CHECK(none.report.truncated == 0);
  CHECK(none.report.too_long_ids == std::vector<std::string>{"r"});
}

TEST_CASE("a table loses whole columns before the question is touched") {
  const std::size_t fixed =
      std::string("table: \nquestion: \nsql:").size() + 3;  // " q" and the end
  CHECK(encode("wikisql", {"aa, bb, cc", "who is", "q"}, fixed + 6 + 7).prompt() ==
        "table: aa, bb\nquestion: who is\nsql:");
  CHECK(encode("wikisql", {"aa, bb, cc", "who is", "q"}, fixed + 5).prompt() ==
        "table: \nquestion: who\nsql:");
}

TEST_CASE("an own prompt keeps its end, cut at words") {
  CHECK(encode("own", {"one two three", "t"}, 11).prompt() == "two three");
  CHECK(encode("own", {"one two three", "t"}, 10).prompt() == "three");
  CHECK(encode("own", {"one two three", "t"}, 4).prompt() == "ee");
}

TEST_CASE("characters are not cut in two") {
  const Outcome cut = encode("own", {"\xc3\xa9\xc3\xa9", "t"}, 5);
  REQUIRE(cut.example);
  CHECK(cut.prompt() == "\xc3\xa9");
}

TEST_CASE("room is kept for the longest choice, or for what will be generated") {
  const std::string question = " question: h true, false or neither? answer:";
  // " neither" and the end token are 9.
  const Outcome pair = encode("mnli", {"p q", "h", "", "neutral"}, question.size() + 1 + 9);
  REQUIRE(pair.example);
  CHECK(pair.prompt() == "p" + question);
  REQUIRE(pair.example->choices.size() == 3);
  CHECK(pair.example->choices[1] == pair.example->target);
  CHECK(pair.example->choices[0].back() == kEnd);
  CHECK(encode("samsum", {"ab", "s"}, 9, 5).prompt() == "ab\n\n");
  CHECK(encode("samsum", {"ab", "s"}, 9, 6).prompt() == "a\n\n");
}

TEST_CASE("the prompt of a generated answer is cut for the room reserved, whatever its target") {
  const std::string dialogue = "A: one\nB: two\nC: three\nD: four";
  const std::string summary(60, 's');
  for (std::size_t limit = 10; limit < 50; ++limit) {
    INFO(limit);
    const Outcome brief = encode("samsum", {dialogue, "s"}, limit, 8);
    const Outcome lengthy = encode("samsum", {dialogue, summary}, limit, 8);
    REQUIRE(lengthy.example);
    CHECK(lengthy.example->prompt == brief.example->prompt);
    CHECK(lengthy.example->prompt.size() + 8 <= limit);
    CHECK(lengthy.example->target.size() == 62);  // never cut
  }
  const std::string question = " question: h true, false or neither? answer:";
  const Outcome free_text = encode("mnli", {"p q", "h", "", "neutral"}, question.size() + 3 + 2, 2);
  REQUIRE(free_text.example);
  CHECK(free_text.prompt() == "p q" + question);
}

TEST_CASE("every limit is kept, and a looser one never keeps less") {
  const std::string dialogue = "A: \xc3\xa9t\xc3\xa9\nB: two words\n\nC: x";
  std::size_t before = 0;
  for (std::size_t limit = 0; limit < 45; ++limit) {
    const Outcome outcome = encode("samsum", {dialogue, "s"}, limit);
    if (!outcome.example) continue;
    CHECK(outcome.example->prompt.size() + outcome.example->target.size() <= limit);
    CHECK(valid_utf8(outcome.prompt()));
    CHECK(outcome.prompt().size() >= before);
    before = outcome.prompt().size();
  }
  CHECK(before == dialogue.size() + 2);
}
