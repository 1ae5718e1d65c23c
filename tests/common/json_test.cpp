#include <catch2/catch.hpp>

#include "common/error.h"
#include "common/files.h"
#include "common/json.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;

namespace {

std::string json_refusal(std::string_view text, JsonLimits limits = {}) {
  return tests::error_text<InputError>([&] { parse_json(text, "f.json", limits); });
}

}  // namespace

TEST_CASE("JSON of every kind is read") {
  const Json value = parse_json(
      R"( {"a": [1, -2, 2.5, true, false, null, "x\u00e9", {}], "b": {"c": []}} )", "f.json");
  CHECK(value["a"].size() == 8);
  CHECK(value["a"][1] == -2);
  CHECK(value["a"][2] == 2.5);
  CHECK(value["a"][6] == "x\xc3\xa9");
  CHECK(value["b"]["c"].is_array());
  CHECK(parse_json("18446744073709551615", "f") == 18446744073709551615ull);
  CHECK(parse_json("3", "f") == 3);
}

TEST_CASE("JSON errors name the source, line and column") {
  CHECK_THAT(json_refusal("{\n  \"a\": 1,\n  \"b\" 2}"),
             Catch::StartsWith("f.json:3:7: syntax error"));
  CHECK_THAT(json_refusal(""),
             Catch::StartsWith("f.json:1:1: ") && Catch::Contains("end of input"));
  CHECK_THAT(json_refusal("[1, 2"), Catch::StartsWith("f.json:1:6: "));
  CHECK_THAT(json_refusal("{} {}"), Catch::StartsWith("f.json:1:4: "));
  CHECK_THAT(json_refusal("[NaN]"), Catch::StartsWith("f.json:1:"));
  CHECK_THAT(json_refusal("[1e999]"), Catch::StartsWith("f.json:1:") && Catch::Contains("1e999"));
  CHECK_THAT(tests::error_text<InputError>([] { parse_json("\n{", "f", {}, 40); }),
             Catch::StartsWith("f:41:"));
}

TEST_CASE("JSON with a key given twice is refused where the second stands") {
  CHECK(json_refusal("{\"rank\": 1,\n \"rank\": 2}") == "f.json:2:7: key 'rank' is given twice");
  CHECK(json_refusal(R"({"a": {"b": 1}, "c": {"b": 1, "\u0062": 2}})") ==
        "f.json:1:38: key 'b' is given twice");
  CHECK(json_refusal(R"({"a": {"b": 1}, "c": {"b": 1}})") == "nothing was thrown");
}

TEST_CASE("JSON that is not UTF-8 is refused") {
  CHECK_THAT(json_refusal("[\"\xff\"]"),
             Catch::StartsWith("f.json:1:3: ") && Catch::Contains("UTF-8"));
  CHECK_THAT(json_refusal("[\"\xc0\xaf\"]"), Catch::Contains("UTF-8"));
  CHECK_THAT(json_refusal("[\"\xed\xa0\x80\"]"), Catch::Contains("UTF-8"));
  CHECK_THAT(json_refusal(R"(["\ud800"])"), Catch::StartsWith("f.json:1:"));
  CHECK_THAT(json_refusal("{\"\xff\": 1}"), Catch::Contains("UTF-8"));
}

TEST_CASE("JSON depth and size bombs are refused early") {
  CHECK(json_refusal(std::string(64, '[') + std::string(64, ']')) == "nothing was thrown");
  CHECK(json_refusal(std::string(65, '[') + std::string(65, ']')) ==
        "f.json:1:65: nested deeper than 64 levels");
  CHECK(json_refusal(std::string(10000000, '[')) == "f.json:1:65: nested deeper than 64 levels");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
  CHECK_THAT(json_refusal(objects), Catch::EndsWith("nested deeper than 64 levels"));
  CHECK(json_refusal("[1, 2]", {.max_bytes = 5}) == "f.json: longer than the 5 bytes allowed here");
  CHECK(json_refusal("[1,2]", {.max_bytes = 5}) == "nothing was thrown");
}

TEST_CASE("JSON messages stay one short line whatever the text holds") {
  for (const std::string& text :
       {std::string("[\"\n\"]"), "[" + std::string(100000, 'x') + "]", std::string("\x1b[31m"),
        "{\"" + std::string(5000, 'k') + "\" 1}"}) {
    const std::string message = json_refusal(text);
    CHECK(message.size() < 400);
    CHECK(message.find_first_of("\n\x1b") == std::string::npos);
  }
}

TEST_CASE("a JSON file is read, and its errors name its path") {
  const tests::TemporaryFolder folder;
  write_file_atomically(folder / "good.json", "\xef\xbb\xbf{\"a\": 1}");
  CHECK(read_json_file(folder / "good.json")["a"] == 1);
  write_file_atomically(folder / "bad.json", "{");
  CHECK_THAT(tests::error_text<InputError>([&] { read_json_file(folder / "bad.json"); }),
             Catch::Contains("bad.json:1:2: "));
}

TEST_CASE("typed fields are read") {
  const Json value = parse_json(
      R"({"i": -3, "u": 18446744073709551615, "d": 2, "b": true, "s": "x", "a": [1, 2],
          "t": ["p", "q"], "o": {"in": 4}, "n": null})",
      "f");
  JsonObject fields(value, "f.json", JsonObject::Nulls::kAbsent);
  CHECK(fields.get_int("i") == -3);
  CHECK(fields.get_uint("u") == 18446744073709551615ull);
  CHECK(fields.get_double("d") == 2.0);
  CHECK(fields.get_bool("b"));
  CHECK(fields.get_string("s") == "x");
  CHECK(fields.get_int_array("a") == std::vector<std::int64_t>{1, 2});
  CHECK(fields.get_string_array("t") == std::vector<std::string>{"p", "q"});
  CHECK(fields.get_array("a").size() == 2);
  CHECK(fields.get_object("o").get_int("in") == 4);
  CHECK(fields.get_int_or("n", 9) == 9);
  CHECK(fields.get_int_or("missing", 9) == 9);
  CHECK(fields.get_double_or("missing", 0.5) == 0.5);
  CHECK(fields.get_bool_or("missing", true));
  CHECK(fields.get_string_or("missing", "y") == "y");
  CHECK(fields.find_array("missing") == nullptr);
  CHECK(fields.find("s") != nullptr);
  CHECK_FALSE(fields.has("n"));
  CHECK_NOTHROW(fields.finish());
}

TEST_CASE("typed fields refuse other types and values out of range") {
  const Json value = parse_json(
      R"({"i": 3, "big": 9223372036854775808, "neg": -1, "d": 1.5, "s": "x\ny", "n": null,
          "a": [1, "x"], "o": {"in": []}})",
      "f");
  JsonObject fields(value, "f.json");
  const auto refused = [&](auto&& read) { return tests::error_text<InputError>(read); };
  CHECK(refused([&] { fields.get_int("absent"); }) == "f.json: field 'absent': is missing");
  CHECK(refused([&] { fields.get_int("d"); }) == "f.json: field 'd': must be an integer, not 1.5");
  CHECK(refused([&] { fields.get_int("i", 4, 8); }) ==
        "f.json: field 'i': must be an integer from 4 to 8, not 3");
  CHECK(refused([&] { fields.get_int("i", 4); }) ==
        "f.json: field 'i': must be an integer of at least 4, not 3");
  CHECK(refused([&] { fields.get_int("big"); }) ==
        "f.json: field 'big': must be an integer, not 9223372036854775808");
  CHECK(refused([&] { fields.get_uint("neg"); }) ==
        "f.json: field 'neg': must be an integer of at least 0, not -1");
  CHECK(refused([&] { fields.get_double("d", 0, 1); }) ==
        "f.json: field 'd': must be a number from 0.0 to 1.0, not 1.5");
  CHECK(refused([&] { fields.get_double("s"); }) ==
        "f.json: field 's': must be a number, not \"x\\ny\"");
  CHECK(refused([&] { fields.get_bool("i"); }) ==
        "f.json: field 'i': must be true or false, not 3");
  CHECK(refused([&] { fields.get_string("a"); }) ==
        "f.json: field 'a': must be a string, not an array");
  CHECK(refused([&] { fields.get_array("o"); }) ==
        "f.json: field 'o': must be an array, not an object");
  CHECK(refused([&] { fields.get_object("a"); }) ==
        "f.json: field 'a': must be an object, not an array");
  CHECK(refused([&] { fields.get_int_array("a"); }) ==
        "f.json: field 'a[1]': must be an integer, not \"x\"");
  CHECK(refused([&] { fields.get_string_array("a"); }) ==
        "f.json: field 'a[0]': must be a string, not 1");
  CHECK(refused([&] { fields.get_int_or("n", 1); }) ==
        "f.json: field 'n': must be an integer, not null");
  CHECK(refused([&] { fields.get_object("o").get_int("in"); }) ==
        "f.json: field 'o.in': must be an integer, not an array");
  CHECK(refused([&] { JsonObject(value["a"], "f.json"); }) ==
        "f.json: must be a JSON object, not an array");
}

TEST_CASE("a key that nobody asked for is refused with the nearest known name") {
  const Json value = parse_json(R"({"rnak": 8, "other": {"alpa": 1}})", "f");
  JsonObject fields(value, "f.json");
  fields.has("rank");
  JsonObject inner = fields.get_object("other");
  inner.has("alpha");
  CHECK(tests::error_text<InputError>([&] { fields.finish(); }) ==
        "f.json: unknown key 'rnak'; did you mean 'rank'?");
  CHECK(tests::error_text<InputError>([&] { inner.finish(); }) ==
        "f.json: unknown key 'other.alpa'; did you mean 'alpha'?");
  fields.ignore("rnak");
  CHECK_NOTHROW(fields.finish());
}

TEST_CASE("JSON is written whatever bytes its texts hold") {
  CHECK(json_text(Json{{"path", "mod\xff"}}) == "{\"path\":\"mod\xef\xbf\xbd\"}");
  CHECK(json_text(OrderedJson{{"b", "\xff\xff"}, {"a", 1}}, 1) ==
        "{\n \"b\": \"\xef\xbf\xbd\xef\xbf\xbd\",\n \"a\": 1\n}");
}
