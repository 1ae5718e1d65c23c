#include "datasets/embedded/wikisql_set.h"

#include <algorithm>
#include <array>

#include "datasets/embedded/statements.h"

namespace rankscope::embedded {

namespace {

constexpr std::size_t kQuestionsPerTable = 10;

// Indices into kWikisqlAggregations and kWikisqlOperators.
enum Aggregation { kNone, kMax, kMin, kCountRows, kSum, kAvg };
enum Operator { kEqual, kMore, kLess };

// A table before it is written out: column 0 holds the names, column c the attribute
// attributes[c-1].
struct Sheet {
  const Kind* kind;
  std::vector<std::size_t> attributes;
  std::vector<Entity> rows;

  const Attribute& attribute(int column) const {
    return kind->attributes[attributes[static_cast<std::size_t>(column) - 1]];
  }
  const std::string& cell(const Entity& row, int column) const {
    return row.values[attributes[static_cast<std::size_t>(column) - 1]];
  }
};

struct QuestionDraft {
  std::string form;  // of the text, before names and values are filled in
  std::string text;
  bool order = false;
  WikisqlQuery query;
  const std::string& pattern() const { return form; }
  void say(std::string_view words, std::string_view subject = "", std::string_view value = "") {
    form += words;
    text += filled(words, subject, value);
  }
};

// What may stand before a question, and before an order.
constexpr std::array<std::string_view, 6> kLeads = {"",
                                                    "",
                                                    "please tell me, ",
                                                    "according to the table, ",
                                                    "I would like to know: ",
                                                    "from this table, "};
constexpr std::array<std::string_view, 5> kOrderLeads = {"", "please ", "now ", "from the table, ",
                                                         "as it stands here, "};

struct Search {
  std::string_view text;
  bool order;  // not a question
};
constexpr std::array<Search, 6> kSearches = {Search{"which are the {p} ", false},
                                             {"what are the {p} ", false},
                                             {"name the {p} ", true},
                                             {"find the {p} ", true},
                                             {"list the {p} ", true},
                                             {"show the {p} ", true}};
constexpr std::array<Search, 3> kCountSearches = {Search{"how many {p} are there ", false},
                                                  {"count the {p} ", true},
                                                  {"what is the number of {p} ", false}};

std::string with_plural(std::string_view text, std::string_view plural) {
  std::string result(text);
  const std::size_t at = result.find("{p}");
  if (at != std::string::npos) result.replace(at, 3, plural);
  return result;
}

int any_column(const Sheet& sheet, Picker& picker) {
  return 1 + static_cast<int>(picker.below(sheet.attributes.size()));
}

WikisqlValue value_of(const Attribute& attribute, std::string text) {
  return {.text = std::move(text),
          .kind = attribute.values.numeric() ? WikisqlValue::Kind::kInteger
                                             : WikisqlValue::Kind::kText};
}

// Adds a condition that `row` meets, and its words.
void add_condition(const Sheet& sheet, const Entity& row, int column, Operator op,
                   QuestionDraft& draft, Picker& picker) {
  const Attribute& attribute = sheet.attribute(column);
  std::string value = sheet.cell(row, column);
  if (op != kEqual) value = bound_near(attribute, value, op == kMore, picker);
  const std::string_view form = picker.pick(op == kEqual  ? attribute.conditions
                                            : op == kMore ? attribute.more
                                                          : attribute.less);
  draft.say(form, "", value);
  draft.query.conditions.push_back({column, op, value_of(attribute, value)});
}

void begin_search(const Sheet& sheet, const auto& searches, QuestionDraft& draft, Picker& picker) {
  const Search& choice = picker.pick(searches);
  const std::string search = with_plural(choice.text, sheet.kind->plural);
  draft.order = choice.order;
  draft.say(search);
}

// What is the river of X?
void ask_value(const Sheet& sheet, const Entity& row, QuestionDraft& draft, Picker& picker) {
  const int column = any_column(sheet, picker);
  const std::string_view form = picker.pick(sheet.attribute(column).questions);
  draft.say(form, row.name);
  draft.query.select = column;
  draft.query.conditions.push_back({0, kEqual, {.text = row.name}});
}

// Which towns are on the river X (and known for Y)?
void ask_names(const Sheet& sheet, const Entity& row, bool two, QuestionDraft& draft,
               Picker& picker) {
  begin_search(sheet, kSearches, draft, picker);
  std::vector<int> columns(sheet.attributes.size());
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = static_cast<int>(i) + 1;
  picker.shuffle(columns);
  add_condition(sheet, row, columns[0], kEqual, draft, picker);
  if (!two) return;
  draft.say(" and ");
  add_condition(sheet, row, columns[1], kEqual, draft, picker);
}

void ask_count(const Sheet& sheet, const Entity& row, QuestionDraft& draft, Picker& picker) {
  begin_search(sheet, kCountSearches, draft, picker);
  add_condition(sheet, row, any_column(sheet, picker), kEqual, draft, picker);
  draft.query.aggregation = kCountRows;
}

// A column of numbers, 0 where the sheet has none.
int numeric_column(const Sheet& sheet, Picker& picker) {
  std::vector<int> columns;
  for (int c = 1; c <= static_cast<int>(sheet.attributes.size()); ++c)
    if (sheet.attribute(c).values.numeric()) columns.push_back(c);
  return columns.empty() ? 0 : picker.pick(columns);
}

// Which towns are with more than 4000 people?
void ask_bound(const Sheet& sheet, const Entity& row, int column, QuestionDraft& draft,
               Picker& picker) {
  begin_search(sheet, kSearches, draft, picker);
  add_condition(sheet, row, column, picker.chance(50) ? kMore : kLess, draft, picker);
}

// What is the highest population of towns on the X?
void ask_aggregate(const Sheet& sheet, const Entity& row, int column, QuestionDraft& draft,
                   Picker& picker) {
  struct Words {
    Aggregation aggregation;
    std::string_view text;
  };
  constexpr std::array<Words, 8> kWords = {Words{kMax, "the highest "}, {kMax, "the largest "},
                                           {kMin, "the lowest "},       {kMin, "the smallest "},
                                           {kAvg, "the average "},      {kAvg, "the mean "},
                                           {kSum, "the total "},        {kSum, "the sum of the "}};
  const Words& words = picker.pick(kWords);
  const std::string form = "what is " + std::string(words.text) +
                           std::string(picker.pick(sheet.attribute(column).nouns)) + " of the " +
                           std::string(sheet.kind->plural);
  draft.say(form);
  draft.query.aggregation = words.aggregation;
  draft.query.select = column;
  int other = any_column(sheet, picker);
  if (other == column || picker.chance(40)) return;
  draft.say(" ");
  add_condition(sheet, row, other, kEqual, draft, picker);
}

QuestionDraft any_question(const Sheet& sheet, Picker& picker) {
  QuestionDraft draft;
  const Entity& row = picker.pick(sheet.rows);
  const std::uint64_t part = picker.below(100);
  const int numbers = numeric_column(sheet, picker);
  if (part < 40 || (numbers == 0 && part >= 80)) {
    ask_value(sheet, row, draft, picker);
  } else if (part < 60) {
    ask_names(sheet, row, false, draft, picker);
  } else if (part < 70) {
    ask_names(sheet, row, true, draft, picker);
  } else if (part < 80) {
    ask_count(sheet, row, draft, picker);
  } else if (part < 90) {
    ask_bound(sheet, row, numbers, draft, picker);
  } else {
    ask_aggregate(sheet, row, numbers, draft, picker);
  }
  const std::string lead(draft.order ? picker.pick(kOrderLeads) : picker.pick(kLeads));
  draft.form = lead + draft.form;
  draft.text = sentence(lead + draft.text, draft.order ? "." : "?");
  return draft;
}

Sheet any_sheet(const World& world, Pool pool, Picker& picker) {
  const std::size_t kind = picker.below(kinds().size());
  Sheet sheet{.kind = &kinds()[kind], .attributes = {}, .rows = {}};
  sheet.attributes = any_attributes(*sheet.kind, 3 + picker.below(3), picker);
  sheet.rows = world.any_different(kind, pool, 5 + picker.below(6), picker);
  return sheet;
}

WikisqlTable written(const Sheet& sheet, std::string id, Picker& picker) {
  WikisqlTable table{.id = std::move(id), .header = {}, .types = {"text"}, .rows = {}};
  table.header.emplace_back(picker.pick(sheet.kind->headers));
  for (std::size_t a : sheet.attributes) {
    const Attribute& attribute = sheet.kind->attributes[a];
    table.header.emplace_back(picker.pick(attribute.headers));
    table.types.emplace_back(attribute.values.numeric() ? "real" : "text");
  }
  for (const Entity& row : sheet.rows) {
    std::vector<WikisqlValue> cells = {{.text = row.name}};
    for (int c = 1; c <= static_cast<int>(sheet.attributes.size()); ++c)
      cells.push_back(value_of(sheet.attribute(c), sheet.cell(row, c)));
    table.rows.push_back(std::move(cells));
  }
  return table;
}

}  // namespace

WikisqlSet make_wikisql_set(const World& world, std::string_view split, Pool pool,
                            std::size_t count) {
  WikisqlSet set;
  while (set.questions.size() < count) {
    Picker picker(world.seed(), "embedded table", split, set.tables.size());
    const Sheet sheet = any_sheet(world, pool, picker);
    set.tables.push_back(written(
        sheet, "embedded-" + std::string(split) + "-" + std::to_string(set.tables.size()), picker));
    for (std::size_t i = 0; i < kQuestionsPerTable && set.questions.size() < count; ++i) {
      QuestionDraft draft = of_pool(pool, [&] { return any_question(sheet, picker); });
      set.questions.push_back(
          {set.tables.size() - 1, std::move(draft.text), std::move(draft.query), draft.pattern()});
    }
  }
  return set;
}

}  // namespace rankscope::embedded
