// Rows as text.
#include "results/row_writers.h"

#include <catch2/catch.hpp>
#include <limits>

#include "common/json.h"

using namespace rankscope;

namespace {

std::string written(RowFormat format, const std::vector<std::string>& columns,
                    const std::vector<Row>& rows) {
  std::string text;
  const auto writer = make_row_writer(format, [&](std::string_view t) { text += t; });
  writer->begin(columns);
  for (const Row& row : rows) writer->row(row);
  writer->end();
  return text;
}

const std::string kControl = std::string("a\0b\x1b[2J\n", 8) + "\xff\xc2\x9b";

}  // namespace

TEST_CASE("a table aligns columns, numbers at the right, and spells out control characters") {
  CHECK(written(RowFormat::kTable, {"name", "value"},
                {{"\xc3\xa9t\xc3\xa9", 0.5}, {"long name", 123456.789}, {{}, int64_t{-1}}}) ==
        "name        value\n"
        "---------  ------\n"
        "\xc3\xa9t\xc3\xa9           0.5\n"
        "long name  123457\n"
        "               -1\n");
  CHECK(written(RowFormat::kTable, {"x"}, {{kControl}}) ==
        "x\n-----------------------\na\\x00b\\x1b[2J\\n\\xff\\x9b\n");
  CHECK(written(RowFormat::kTable, {"only"}, {}) == "only\n----\n");
  const std::string cut = written(RowFormat::kTable, {"x"}, {{std::string(100, 'y')}});
  CHECK(cut.ends_with("\n" + std::string(80, 'y') + "...\n"));
  const std::string hash = "dev_matched:" + std::string(64, 'f');
  CHECK(written(RowFormat::kTable, {"x"}, {{hash}}).ends_with("\n" + hash + "\n"));
}

TEST_CASE("a table is written before its last row is known") {
  std::string text;
  const auto writer = make_row_writer(RowFormat::kTable, [&](std::string_view t) { text += t; });
  writer->begin({"n"});
  for (int64_t i = 0; i < 1001; ++i) writer->row({i});
  CHECK(text.ends_with("1000\n"));
  writer->row({int64_t{1234567}});
  CHECK(text.ends_with("\n1234567\n"));
  writer->end();
  CHECK(text.ends_with("\n1234567\n"));
}

TEST_CASE("CSV quotes as RFC 4180 says and keeps numbers exact") {
  CHECK(written(RowFormat::kCsv, {"a,b", "c"},
                {{"say \"x\"", 1.0 / 3},
                 {"line\nend", std::numeric_limits<int64_t>::min()},
                 {"", {}},
                 {"plain", std::numeric_limits<double>::infinity()}}) ==
        "\"a,b\",c\r\n"
        "\"say \"\"x\"\"\",0.3333333333333333\r\n"
        "\"line\nend\",-9223372036854775808\r\n"
        "\"\",\r\n"
        "plain,inf\r\n");
  CHECK(written(RowFormat::kCsv, {"x"}, {{kControl}}) == "x\r\n\"" + kControl + "\"\r\n");
}

TEST_CASE("JSON Lines are an object a row, in the columns' order") {
  const std::string text = written(RowFormat::kJson, {"b", "a"}, {{"x\"y\n", 2.0}, {kControl, {}}});
  CHECK(text.starts_with("{\"b\":\"x\\\"y\\n\",\"a\":2.0}\n"));
  const Json second = parse_json(text.substr(text.find('\n') + 1), "second");
  CHECK(second.at("b") == std::string("a\0b\x1b[2J\n", 8) + "\xef\xbf\xbd\xc2\x9b");
  CHECK(second.at("a").is_null());
}

TEST_CASE("Markdown keeps cells in their columns") {
  CHECK(written(RowFormat::kMarkdown, {"a|b", "n"}, {{"<b>*x*\n", 0.25}, {{}, int64_t{1}}}) ==
        "| a\\|b | n |\n|---|---|\n| \\<b>\\*x\\*\\\\n | 0.25 |\n|  | 1 |\n");
}
