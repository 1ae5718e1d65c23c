// YAML from outside: what is taken, with its lines, and what is refused without harm.
#include "experiments/yaml/yaml_text.h"

#include <catch2/catch.hpp>

#include "common/error.h"
#include "tests/error_text.h"

using namespace rankscope;
using namespace rankscope::tests;
using Catch::Contains;

namespace {

std::string refusal(const std::string& text) {
  return error_text<InputError>([&] { parse_yaml(text, "f"); });
}

std::string repeated(const std::string& part, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += part;
  return text;
}

}  // namespace

TEST_CASE("maps, lists and scalars keep their text and their lines") {
  const YamlNode root =
      parse_yaml("# first\na: 2e-4\nb:\n  - on\n  - 'x'\nc: {d: [1,\n 0x10], e: }\n", "f");
  REQUIRE(root.entries.size() == 3);
  const auto& a = root.entries[0];
  CHECK(a.key == "a");
  CHECK(a.line == 2);
  CHECK(a.value.text == "2e-4");
  CHECK_FALSE(a.value.quoted);
  const YamlNode& b = root.entries[1].value;
  CHECK(root.entries[1].line == 3);
  REQUIRE(b.items.size() == 2);
  CHECK(b.items[0].text == "on");
  CHECK(b.items[0].line == 4);
  CHECK(b.items[1].text == "x");
  CHECK(b.items[1].quoted);
  const YamlNode& c = root.entries[2].value;
  CHECK(c.entries[0].value.items[1].text == "0x10");
  CHECK(c.entries[0].value.items[1].line == 7);
  CHECK(c.entries[1].value.kind == YamlNode::Kind::kNull);
  CHECK(parse_yaml("a: |\n  two\n  lines\n", "f").entries[0].value.text == "two\nlines\n");
  CHECK(parse_yaml("a: |+\n  two\n\n", "f").entries[0].value.text == "two\n\n");
  CHECK(parse_yaml("a: |\n  two\n  ", "f").entries[0].value.text == "two\n");
  CHECK(parse_yaml("a: |-\n  two\n\n", "f").entries[0].value.text == "two");
  CHECK(parse_yaml("a:\n  b: |\n    two", "f").entries[0].value.entries[0].value.text == "two");
  CHECK(parse_yaml("a: 'x'\n", "f").entries[0].value.text == "x");
  CHECK(parse_yaml("a: x\n", "f").entries[0].value.text == "x");
  CHECK(parse_yaml("a: 1\r\nb: 2\r\n", "f").entries[1].value.text == "2");
  CHECK(parse_yaml("", "f").kind == YamlNode::Kind::kNull);
  CHECK(parse_yaml("---\na: 1\n...\n", "f").entries.size() == 1);
  CHECK(place_text("f", 3) == "f:3");
  CHECK(place_text("f", 0) == "f");
}

TEST_CASE("what a file of settings has no use for is refused, with its line") {
  CHECK(refusal("a: 1\nb: &x 2\n") == "f:2: an anchor (&); write the value out");
  CHECK(refusal("a: 1\nb: &x [2]\n") == "f:2: an anchor (&); write the value out");
  CHECK_THAT(refusal("a: 1\nb: *x\n"), Catch::StartsWith("f:2: "));
  CHECK(refusal("<<: {a: 1}\n") == "f:1: a merge key (<<); write the values out");
  CHECK(refusal("a: !!int 3\n") == "f:1: a tag (!); a file of settings has none");
  CHECK(refusal("a: !x [3]\n") == "f:1: a tag (!); a file of settings has none");
  CHECK(refusal("%YAML 1.2\n---\na: 1\n") == "f:1: a directive (%); a file of settings has none");
  CHECK(refusal("a: 1\n---\nb: 2\n") == "f:3: a second document (---); a file of settings has one");
  CHECK(refusal("a: 1\nb: 2\na: 3\n") ==
        "f:3: key 'a' is given twice, first in line 1; give it once");
  CHECK(refusal("a: {b: 1, 'b': 2}\n") ==
        "f:1: key 'b' is given twice, first in line 1; give it once");
  CHECK(refusal("a:\n\tb: 1\n") == "f:2: a tab in the indentation; YAML indents with spaces");
  CHECK(refusal(": 1\n") == "f:1: a key is missing before ':'");
  CHECK(refusal("? [a]\n: 1\n") == "f:1: a key must be one word, not a list or a map");
  CHECK(refusal("a: \x07\n") == "f:1: a control character (0x07)");
  CHECK(refusal(std::string("a: \0b", 5)) == "f:1: a control character (0x00)");
  CHECK(refusal("a: \xe9\n") == "f: not UTF-8 text");
  CHECK(refusal("\xff\xfe"
                "a") == "f: not UTF-8 text");
}

TEST_CASE("a quote that is never closed is refused, whatever the file ends with") {
  for (const std::string quote : {"\"", "'"})
    for (const std::string end :
         {"", "\n", "\n\n", "\nlr: 1\n", "\nlr: 1", "  \n", "\n#\n", "\n  ", "\n\r"}) {
      INFO("a: " << quote << "x" << end);
      CHECK_THAT(refusal("b: 1\na: " + quote + "x" + end), Contains("illegal EOF in scalar"));
    }
}

TEST_CASE("hostile YAML never takes the program down") {
  for (const char* text :
       {"[:",      "{foo:",     "{:",          "[?",    "{?",          "[a",      "{a",     "'",
        "\"",      "a: \"x",    "[",           "{",     "[}",          "{]",      "a: [",   "*",
        "&",       "!",         "? ",          "- ? :", "a: |",        "a: >-",   "@",      "`",
        "a: b: c", "- a\nb: c", "a:\n- b\n c", "[,]",   "{,}",         "a: *a",   "|",      "--- |",
        "...",     "'''",       "\"\\",        "\"\\x", "\"\\uD800\"", "? ? ? ?", "[[]:[]]"}) {
    INFO(text);
    const std::string message = refusal(text);
    CHECK(message.find('\n') == std::string::npos);
  }
  CHECK(refusal(repeated("[", 100000) + repeated("]", 100000)) ==
        "f:1: more than 16 maps and lists inside one another");
  CHECK(refusal(repeated("{a: ", 100000) + repeated("}", 100000)) ==
        "f:1: more than 16 maps and lists inside one another");
  // Never closed, the library reports a key that it then does not have.
  for (const char* part : {"[", "{a: ", "{"}) {
    CHECK_THAT(refusal(repeated(part, 100000)), Catch::StartsWith("f:1: "));
  }
  CHECK(refusal(repeated("- ", 100000)) == "f:1: more than 16 maps and lists inside one another");
  CHECK(refusal(repeated("? ", 100000)) == "f:1: a key must be one word, not a list or a map");
  CHECK(refusal("a: [" + repeated("1,", 60000) + "1]") ==
        "f:1: more than 50000 values in one file");
  CHECK(refusal(repeated("a", 10 << 20)) ==
        "f: 10485760 bytes; a file of settings has at most 1048576");
  std::string nested;
  for (int i = 0; i < 30; ++i) nested += repeated(" ", i) + "a:\n";
  CHECK(refusal(nested) == "f:17: more than 16 maps and lists inside one another");
}
