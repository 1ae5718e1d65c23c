#include "common/settings.h"

#include <array>
#include <catch2/catch.hpp>

#include "tests/error_text.h"

using namespace rankscope;
using namespace rankscope::tests;

TEST_CASE("a setting that cannot be used is named by its error's key as well as by its text") {
  Settings settings({{"rank", "0"}, {"lr", "fast"}, {"rslora", "yes"}, {"init", "gausian"}});
  constexpr std::array<std::string_view, 2> kKinds{"kaiming", "gaussian"};
  const auto key = [](auto&& action) -> std::string {
    try {
      action();
    } catch (const SettingError& error) {
      CHECK(error.exit_code() == 2);
      return error.key();
    }
    return "nothing was thrown";
  };
  CHECK(key([&] { settings.integer("rank", 8, 1, 512); }) == "rank");
  CHECK(key([&] { settings.number("lr", 1, 0, 10); }) == "lr");
  CHECK(key([&] { settings.flag("rslora", false); }) == "rslora");
  CHECK(key([&] { settings.choice("init", "kaiming", kKinds); }) == "init");
  CHECK(key([&] { settings.add("rank=4"); }) == "rank");
  CHECK(key([&] { settings.integer("alpha", 8, 1, 4); }) == "nothing was thrown");
  CHECK(error_text<SettingError>([&] { settings.integer("rank", 8, 1, 512); }) ==
        "setting 'rank=0': rank must be a whole number from 1 to 512");
  CHECK(error_text<SettingError>([&] { settings.add("rank=4"); }) ==
        "setting 'rank=4': is given twice; give it once");
}

TEST_CASE("a key or value of any bytes is one printable line in a setting's error") {
  const SettingError error("a\nb", "\xff", "must be a word");
  CHECK(error.key() == "a\nb");
  CHECK(std::string(error.what()) == "setting 'a\\nb=\\xff': must be a word");
}

TEST_CASE("a number's text reads back as the same number, and is the shortest") {
  for (const auto& [number, text] :
       {std::pair{0.1, "0.1"}, {1e-4, "1e-04"}, {1.0 / 3, "0.3333333333333333"}, {20.0, "20"}}) {
    CHECK(setting_text(number) == text);
    CHECK(std::stod(text) == number);
  }
}
