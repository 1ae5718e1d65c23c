#include <catch2/catch.hpp>

#include "common/draws.h"
#include "common/error.h"
#include "common/wikisql_query.h"
#include "tests/error_text.h"

using namespace rankscope;

namespace {

using Header = std::vector<std::string>;

const Header kPlain{"player", "no.", "years in toronto", "league", "league from"};

WikisqlQuery query(int select, int aggregation, std::vector<WikisqlCondition> conditions = {}) {
  return {select, aggregation, std::move(conditions)};
}

WikisqlQuery read(const std::string& text, std::size_t columns) {
  const Json json = parse_json(text, "q.jsonl");
  JsonObject object(json, "q.jsonl:7");
  return read_wikisql_query(object, columns);
}

}  // namespace

TEST_CASE("a query's text is what a model writes") {
  CHECK(render_query(query(0, 0), kPlain) == "SELECT player FROM table");
  CHECK(render_query(query(0, 3, {{1, 0, {"21"}}, {2, 1, {"2003-06"}}}), kPlain) ==
        "SELECT COUNT(player) FROM table WHERE no. = 21 AND years in toronto > 2003-06");
  // Quotes inside, an operator inside, and words that look like SQL need none.
  CHECK(render_query(query(4, 0, {{3, 2, {"\"x\" = y and z"}}}), kPlain) ==
        "SELECT league from FROM table WHERE league < \"x\" = y and z");
  CHECK(render_query(query(0, 0, {{0, 0, {"'til where FROM table"}}}), kPlain) ==
        "SELECT player FROM table WHERE player = 'til where FROM table");
}

TEST_CASE("quotes stand where the text would be read otherwise, and only there") {
  const auto text = [](const std::string& value) {
    return render_query(query(0, 0, {{0, 0, {value}}}), kPlain);
  };
  CHECK(text("a AND no. = 3") == "SELECT player FROM table WHERE player = 'a AND no. = 3'");
  CHECK(text("") == "SELECT player FROM table WHERE player = ''");
  CHECK(text("a ") == "SELECT player FROM table WHERE player = 'a '");
  CHECK(text("'a'") == "SELECT player FROM table WHERE player = '''a'''");
  const Header odd{"x", "MAX(x)", "-", "-", "x = 3", ""};
  CHECK(render_query(query(1, 0), odd) == "SELECT MAX(x) FROM table");
  CHECK(render_query(query(0, 1), odd) == "SELECT MAX(\"x\") FROM table");
  CHECK(render_query(query(3, 0), odd) == "SELECT \"-\"#2 FROM table");
  CHECK(render_query(query(5, 0), odd) == "SELECT \"\" FROM table");
  CHECK(render_query(query(2, 0, {{0, 0, {"3 = 4"}}}), odd) ==
        "SELECT - FROM table WHERE x = '3 = 4'");
}

TEST_CASE("every query comes back from its text") {
  const std::vector<Header> headers{
      kPlain,
      {"a", "A", "a ", " a", "a AND a", "a = ", "a = a", "\"a\"", "\"a\"#2", "a", "'"},
      {"from", "FROM table", "table", "where", "SELECT", "COUNT(x)", "x", "x)", "(x",
       "x) FROM table"},
      {"", " ", "\n", "\"", "\"\"", "#2", "é", "=", ">", "OP", "a OP b", "a", "AND", "AND a"},
      {"x", "x > y", "y", "x > y = z", "z", "x AND y = z", "x", "x"}};
  const std::vector<std::string> pieces{
      "a",  "x",  " ",  " AND ", " and ", "=",       ">",           "<",       " = ", " OP ",
      "'",  "''", "\"", "#2",    "where", " WHERE ", " FROM table", "SELECT ", ")",   "(",
      "\n", "\t", "é",  "\xFF",  "",      "y",       "--",          ";"};
  const Draws draws(3, "test", "queries");
  std::vector<float> numbers(1 << 16);
  draws.fill_uniform(numbers);
  std::size_t next = 0;
  const auto draw = [&](std::size_t below) {
    const float scaled = numbers[next++ % numbers.size()] * static_cast<float>(below);
    return std::min(static_cast<std::size_t>(scaled), below - 1);
  };
  int quoted = 0;
  for (int round = 0; round < 4000; ++round) {
    const Header& header = headers[draw(headers.size())];
    WikisqlQuery q = query(static_cast<int>(draw(header.size())), static_cast<int>(draw(6)));
    for (std::size_t i = draw(4); i > 0; --i) {
      std::string value;
      for (std::size_t k = draw(6); k > 0; --k) {
        value += draw(3) == 0 ? header[draw(header.size())] : pieces[draw(pieces.size())];
      }
      q.conditions.push_back(
          {static_cast<int>(draw(header.size())), static_cast<int>(draw(4)), {value}});
    }
    const std::string text = render_query(q, header);
    CAPTURE(text);
    REQUIRE(parse_query(text, header) == q);
    REQUIRE(parse_query("\n " + text + " \t", header) == q);
    quoted += text.find('\'') != std::string::npos;
  }
  CHECK(quoted > 100);
}

// Trying each of its parts without quotes would take many seconds.
TEST_CASE("a query of thousands of conditions that need quotes has all in quotes, and comes back") {
  const auto text = [](WikisqlQuery& q, std::size_t conditions) {
    q.conditions.assign(conditions, {1, 0, {"a AND no. = 3"}});
    return render_query(q, kPlain);
  };
  WikisqlQuery q = query(0, 3);
  CHECK_THAT(text(q, 64), Catch::StartsWith("SELECT COUNT(player) FROM table WHERE no. = 'a AND"));
  CHECK_THAT(text(q, 65), Catch::StartsWith("SELECT COUNT(\"player\") FROM table WHERE \"no.\" = "
                                            "'a AND"));
  const std::string longest = text(q, 4000);
  CHECK(parse_query(longest, kPlain) == q);
  // Without a need for them there are none.
  q.conditions.assign(4000, {1, 0, {"3"}});
  CHECK_THAT(render_query(q, kPlain), !Catch::Contains("'") && !Catch::Contains("\""));
}

TEST_CASE("a query is understood in other letter case and spacing") {
  const WikisqlQuery want = query(2, 3, {{1, 0, {"21"}}, {0, 0, {"Bo"}}});
  for (const char* text :
       {"select count(years in toronto) from table where no. = 21 and player = Bo",
        "SELECT COUNT ( Years  in Toronto ) FROM table WHERE No. =21 AND Player= Bo",
        "SELECT COUNT(\"years in toronto\") FROM table WHERE \"NO.\" = '21' AND \"player\" = "
        "'Bo'"}) {
    CAPTURE(text);
    CHECK(parse_query(text, kPlain) == want);
  }
  // Exact spelling wins.
  const Header both{"Goals", "goals"};
  CHECK(parse_query("SELECT goals FROM table", both) == query(1, 0));
  CHECK(parse_query("SELECT \"Goals\" FROM table", both) == query(0, 0));
}

TEST_CASE("what is no query is nothing") {
  for (const char* text : {"",
                           " ",
                           "SELECT",
                           "SELECT player",
                           "SELECT player FROM",
                           "SELECT player FROM other",
                           "SELECT player FROM table WHERE",
                           "SELECT player FROM table WHERE player",
                           "SELECT player FROM table WHERE player =",
                           "SELECT player FROM table WHERE player = ",
                           "SELECT player FROM table WHERE player >= 3",
                           "SELECT player FROM table WHERE player <> 3",
                           "SELECT player FROM table;",
                           "SELECT nobody FROM table",
                           "SELECT playerFROM table",
                           "SELECT MEDIAN(player) FROM table",
                           "SELECT COUNT(player FROM table",
                           "SELECT \"player\"#2 FROM table",
                           "SELECT \"player\"#0 FROM table",
                           "SELECT \"player\"#99999999999999999999 FROM table",
                           "SELECT player, no. FROM table",
                           "SELECT player FROM table WHERE x = 3",
                           "DROP TABLE table"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_query(text, kPlain));
  }
  CHECK_FALSE(parse_query("SELECT a FROM table", Header{}));
  CHECK_FALSE(parse_query("SELECT  FROM table", Header{""}));
}

TEST_CASE("a query from outside is checked") {
  const WikisqlQuery q = read(
      R"({"sel": 1, "agg": 3, "conds": [[0, 2, "x"], [1, 0, 21], [1, 1, 3.0], [0, 0, 1e22]]})", 2);
  CHECK(q.select == 1);
  CHECK(q.aggregation == 3);
  REQUIRE(q.conditions.size() == 4);
  CHECK(q.conditions[1].value.text == "21");
  CHECK(q.conditions[1].value.kind == WikisqlValue::Kind::kInteger);
  CHECK(q.conditions[2].value.text == "3.0");
  CHECK(q.conditions[3].value.text == "1e+22");
  const auto error = [](const std::string& text) {
    return tests::error_text<InputError>([&] { read(text, 2); });
  };
  CHECK_THAT(error(R"({"sel": 2, "agg": 0, "conds": []})"),
             Catch::StartsWith("q.jsonl:7: field 'sel'"));
  CHECK_THAT(error(R"({"sel": 0, "agg": 6, "conds": []})"), Catch::Contains("'agg'"));
  CHECK_THAT(error(R"({"sel": 0, "agg": 0})"), Catch::Contains("'conds'"));
  for (const char* condition : {"3", "[]", "[2, 0, \"x\"]", "[-1, 0, \"x\"]", "[0, 4, \"x\"]",
                                "[0, 0, null]", "[0, 0, true]", "[0, 0, [1]]", "[0.0, 0, \"x\"]",
                                "[0, 0, \"x\", 1]", "[18446744073709551615, 0, \"x\"]"}) {
    CAPTURE(condition);
    CHECK_THAT(error(std::string(R"({"sel": 0, "agg": 0, "conds": [)") + condition + "]}"),
               Catch::Contains("'conds[0]'"));
  }
  CHECK_THAT(error(R"({"sel": 0, "agg": 0, "conds": [[0, 0, "x"], [2, 0, "x"]]})"),
             Catch::Contains("'conds[1]': must be [column from 0 to 1, ") &&
                 Catch::Contains("not [2,0,\"x\"]"));
  CHECK_THROWS_AS(render_query(query(2, 0), Header{"a", "b"}), InputError);
  CHECK_THROWS_AS(render_query(query(0, 0, {{0, 4, {"x"}}}), Header{"a", "b"}), InputError);
}

TEST_CASE("numbers are written as Python's str() writes them") {
  const auto text = [](const std::string& json) {
    WikisqlValue value;
    REQUIRE(read_wikisql_value(parse_json("[" + json + "]", "v")[0], value));
    return value.text;
  };
  CHECK(text("12.5") == "12.5");
  CHECK(text("-0.0") == "-0.0");
  CHECK(text("0.0001") == "0.0001");
  CHECK(text("0.00001") == "1e-05");
  CHECK(text("1.5e-7") == "1.5e-07");
  CHECK(text("1e15") == "1000000000000000.0");
  CHECK(text("1e16") == "1e+16");
  CHECK(text("123456.789") == "123456.789");
  CHECK(text("-1.25e300") == "-1.25e+300");
  CHECK(text("-7") == "-7");
}
