#include "datasets/prompts/template.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "datasets/prompts/example.h"
#include "datasets/task.h"
#include "tests/datasets/test_files.h"
#include "tests/error_text.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

std::string template_refusal(const char* task, std::string_view key, std::string_view value) {
  return error_text<InputError>([&] {
    PromptTemplate form = find_task(task).default_template();
    form.set(key, value);
    CompiledTemplate(find_task(task), form);
  });
}

Example first_example(const char* name, const std::string& file) {
  const Task& task = find_task(name);
  const CompiledTemplate form(task, task.default_template());
  return make_example(form, read_records(task, data_file(file)).records.front());
}

}  // namespace

TEST_CASE("the default templates") {
  const Example sql = first_example("wikisql", "wikisql/dev.jsonl");
  CHECK(sql.id == "dev:1");
  CHECK(sql.prompt ==
        "table: Lake, Depth (m), Area, Visited, by\nquestion: How deep is Long Tarn?\nsql:");
  CHECK(sql.target == " SELECT Depth (m) FROM table WHERE Lake = Long Tarn");
  CHECK(sql.choices.empty());

  const Example pair = first_example("mnli", "mnli/train.tsv");
  CHECK(pair.prompt ==
        "The cat \"sleeps. question: An animal sleeps. true, false or neither? answer:");
  CHECK(pair.target == " true");
  CHECK(pair.choices == std::vector<std::string>{" true", " neither", " false"});
  CHECK(pair.gold == 0);
  CHECK(pair.references == std::vector<std::string>{"entailment"});

  const Example chat = first_example("samsum", "samsum/train.json");
  CHECK(chat.prompt == "Ida: I have \"bread\" {two loaves}]\nJon: Great!\nIda: See you at six\n\n");
  CHECK(chat.target == " Ida will bring bread [two loaves].");

  const Example own = first_example("own", "own/train.jsonl");
  CHECK(own.prompt == "2 + 2 =");
  CHECK(own.target == " 4");
  CHECK(own.choices == std::vector<std::string>{" 3", " 4"});
  CHECK(own.choices[static_cast<std::size_t>(own.gold)] == own.target);
}

TEST_CASE("a template can be changed, and says what it is") {
  const Task& task = find_task("mnli");
  PromptTemplate form = task.default_template();
  form.set("prompt", "{{{genre}}} {hypothesis}");
  form.set("target", "{label}.");
  form.set("truncate", "hypothesis:end");
  form.set("verbalisers", "yes,maybe,no");
  const CompiledTemplate compiled(task, form);
  const Example example =
      make_example(compiled, read_records(task, data_file("mnli/train.tsv")).records[1]);
  CHECK(example.prompt == "{fiction} The cat runs.");
  CHECK(example.target == "no.");
  CHECK(example.choices == std::vector<std::string>{"yes.", "maybe.", "no."});
  PromptTemplate again = task.default_template();
  for (const auto& [key, value] : form.settings()) again.set(key, value);
  CHECK(again.settings() == form.settings());
  CHECK(again.settings()[2].second == "hypothesis:end:words");
}

TEST_CASE("a prompt without one of the default fields is cut at those that are left") {
  const Task& task = find_task("mnli");
  PromptTemplate form = task.default_template();
  form.set("prompt", "{hypothesis} true, false or neither? answer:");
  const CompiledTemplate compiled(task, form);
  REQUIRE(compiled.cuts().size() == 1);
  CHECK(task.fields[compiled.cuts()[0].field] == "hypothesis");
  // What was asked for is not passed over, the default's own words as little as others.
  form.set("truncate", "premise:start:words,hypothesis:start:words");
  CHECK(error_text<InputError>([&] { CompiledTemplate(task, form); }) ==
        "template 'truncate': the prompt has no {premise}");
  // Without a field to cut, what does not fit is left out only where that is said.
  form.set("prompt", "{genre}");
  form.set("truncate", "");
  CHECK(CompiledTemplate(task, form).cuts().empty());
  CHECK_THAT(template_refusal("mnli", "prompt", "{genre}"),
             Contains("the prompt has no {premise}, which is cut by default"));
}

TEST_CASE("an answer is found within what the target has around it") {
  const Task& task = find_task("own");
  const auto frame_of = [&](std::string_view target) {
    PromptTemplate form = task.default_template();
    form.set("target", target);
    return CompiledTemplate(task, form)
        .target_frame(read_records(task, data_file("own/train.jsonl")).records.front());
  };
  const TargetFrame both = frame_of(" answer: <{target}>\n");
  CHECK(both.answer_in(" answer: < 4>\n") == " 4");
  CHECK(both.answer_in("answer: < 4>") == " 4");
  CHECK(both.answer_in("answer: < 4") == " 4");  // cut off
  CHECK(both.answer_in("answer: <>") == "");
  CHECK(both.answer_in("4>") == "4");
  CHECK(both.answer_in("answers: 4") == "answers: 4");
  CHECK(both.answer_in("") == "");
  // Other fields are the record's.
  CHECK(frame_of("{prompt}{target}").answer_in("2 + 2 = 4") == " 4");
  for (const char* target : {"{target}", " {target}\n", "so {target}, {target}"}) {
    INFO(target);
    CHECK(frame_of(target).answer_in(" so 4, 4\n") == " so 4, 4\n");
  }
}

TEST_CASE("the default templates of all tasks fit their tasks") {
  for (const Task& task : tasks()) {
    CHECK_NOTHROW(CompiledTemplate(task, task.default_template()));
    CHECK_FALSE(task.metrics.empty());
  }
}

TEST_CASE("what is wrong with a template is said") {
  CHECK_THAT(template_refusal("samsum", "prompt", "{dialog}"),
             Contains("no field 'dialog'") && Contains("did you mean 'dialogue'?"));
  CHECK_THAT(template_refusal("samsum", "prompt", "{dialogue} {summary}"),
             Contains("is the answer"));
  CHECK_THAT(template_refusal("mnli", "prompt", "{premise} {hypothesis} {label}"),
             Contains("is the answer"));
  CHECK_THAT(template_refusal("samsum", "prompt", "{dialogue"), Contains("single brace at byte 1"));
  CHECK_THAT(template_refusal("samsum", "prompt", "{dialogue} }"),
             Contains("single brace at byte 12"));
  CHECK_THAT(template_refusal("samsum", "prompt", "{dialogue}\xff"), Contains("UTF-8"));
  CHECK_THAT(template_refusal("samsum", "target", "fixed"),
             Contains("must hold the answer, {summary}"));
  CHECK_THAT(
      template_refusal("samsum", "prompt", "fixed"),
      Contains("the prompt has no {dialogue}, which is cut by default; give truncate=FIELD"));
  CHECK_THAT(template_refusal("samsum", "truncate", "dialogue:middle"), Contains("start, end"));
  CHECK_THAT(template_refusal("samsum", "truncate", "dialogue:end:bytes"),
             Contains("lines, items, words"));
  CHECK_THAT(template_refusal("samsum", "truncate", "a:b:c:d"), Contains("truncate"));
  CHECK_THAT(template_refusal("mnli", "verbalisers", "yes,no"), Contains("3 different words"));
  CHECK_THAT(template_refusal("mnli", "verbalisers", "yes,no,no"), Contains("3 different words"));
  CHECK_THAT(template_refusal("mnli", "verbalisers", "yes,,no"), Contains("one of them is empty"));
  // Answers are compared without the white space around them.
  CHECK_THAT(template_refusal("mnli", "verbalisers", "yes, yes,no"), Contains("3 different words"));
  CHECK_THAT(template_refusal("mnli", "verbalisers", "yes,no\t,no"), Contains("3 different words"));
  CHECK_THAT(template_refusal("mnli", "verbalisers", "yes,\t,no"),
             Contains("one of them is empty"));
  CHECK_THAT(template_refusal("mnli", "verbalisers", "\xff,maybe,no"), Contains("UTF-8"));
  CHECK(template_refusal("mnli", "verbalisers", " yes, maybe, no") == "nothing was thrown");
  CHECK_THAT(template_refusal("samsum", "verbalisers", "yes"), Contains("0 different words"));
  CHECK_THAT(template_refusal("samsum", "promt", "x"), Contains("did you mean 'prompt'?"));
}
