#include <catch2/catch.hpp>

#include "common/suggest.h"
#include "common/text.h"

using namespace rankscope;

TEST_CASE("UTF-8 is checked by RFC 3629") {
  CHECK(valid_utf8(""));
  CHECK(valid_utf8("plain"));
  CHECK(valid_utf8("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xed\x9f\xbf"));
  CHECK_FALSE(valid_utf8("\x80"));
  CHECK_FALSE(valid_utf8("\xc3"));
  CHECK_FALSE(valid_utf8("\xc0\xaf"));          // overlong
  CHECK_FALSE(valid_utf8("\xe0\x9f\xbf"));      // overlong
  CHECK_FALSE(valid_utf8("\xed\xa0\x80"));      // surrogate
  CHECK_FALSE(valid_utf8("\xf0\x8f\xbf\xbf"));  // overlong
  CHECK_FALSE(valid_utf8("\xf4\x90\x80\x80"));  // above U+10FFFF
  CHECK_FALSE(valid_utf8("\xf5\x80\x80\x80"));
  CHECK_FALSE(valid_utf8("\xe2\x82"));
  CHECK_FALSE(valid_utf8("\xe2\x82x"));
}

TEST_CASE("text in messages is one printable line of bounded length") {
  CHECK(printable("a\nb\tc\x1b[31m") == "a\\nb\\tc\\x1b[31m");
  CHECK(printable("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable("\xc2\x9b") == "\\x9b");  // the one-character form of ESC [
  CHECK(printable(std::string(500, 'x'), 10) == "xxxxxxxxxx...");
  CHECK(printable("ab\xc3\xa9", 3) == "ab...");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
}

TEST_CASE("a misspelt name finds its nearest neighbour") {
  const std::vector<std::string> keys = {"alpha", "rank", "learning_rate", "seed"};
  CHECK(nearest_name("rnak", keys) == "rank");
  CHECK(nearest_name("Rank", keys) == "rank");
  CHECK(nearest_name("learningrate", keys) == "learning_rate");
  CHECK(nearest_name("lerning_rte", keys) == "learning_rate");
  CHECK(nearest_name("zzzz", keys).empty());
  CHECK(nearest_name("", keys).empty());
  CHECK(nearest_name(std::string(100000, 'a'), keys).empty());
  CHECK(did_you_mean("sed", keys) == "; did you mean 'seed'?");
  CHECK(did_you_mean("momentum", keys).empty());
  CHECK(did_you_mean("sed", std::vector<std::string>{"se\x1b"
                                                     "d"}) == "; did you mean 'se\\x1bd'?");
}

TEST_CASE("a long list names its first entries and how many more there are") {
  using Names = std::vector<std::string>;
  CHECK(shortened({}) == Names{});
  CHECK(shortened({"a", "b", "c", "d", "e"}) == Names{"a", "b", "c", "d", "e"});
  CHECK(shortened({"a", "b", "c", "d", "e", "f"}) == Names{"a", "b", "c", "d", "2 more"});
  CHECK(shortened({"a", "b", "c", "d", "e", "f", "g"}, " settings").back() == "3 more settings");
}

TEST_CASE("the white space around a text is cut off, and none within it") {
  CHECK(trimmed(" \t\v a b\f\r\n") == "a b");
  CHECK(trimmed("a") == "a");
  CHECK(trimmed(" \n").empty());
  CHECK(trimmed("").empty());
  // A no-break space is none of ASCII's.
  CHECK(trimmed(" \xc2\xa0 ") == "\xc2\xa0");
}
