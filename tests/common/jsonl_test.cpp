#include <catch2/catch.hpp>
#include <thread>

#include <sys/stat.h>

#include "common/error.h"
#include "common/files.h"
#include "common/jsonl.h"
#include "tests/error_text.h"
#include "tests/temporary_folder.h"

using namespace rankscope;

namespace {

std::vector<std::string> lines_of(const std::filesystem::path& path, bool* ended = nullptr) {
  LineReader reader(path);
  std::vector<std::string> lines;
  std::string_view line;
  while (reader.next(line)) {
    lines.emplace_back(line);
    CHECK(reader.line_number() == lines.size());
    if (ended != nullptr) *ended = reader.line_was_ended();
  }
  return lines;
}

}  // namespace

TEST_CASE("lines end in LF or CR LF, and the last may lack its end") {
  const tests::TemporaryFolder folder;
  using Lines = std::vector<std::string>;
  const auto read = [&](std::string_view text) {
    write_file_atomically(folder / "t", text);
    return lines_of(folder / "t");
  };
  CHECK(read("").empty());
  CHECK(read("a") == Lines{"a"});
  CHECK(read("a\n") == Lines{"a"});
  CHECK(read("a\r\nb\r\n") == Lines{"a", "b"});
  CHECK(read("a\n\nb") == Lines{"a", "", "b"});
  CHECK(read("\n") == Lines{""});
  CHECK(read("a\rb\n") == Lines{"a\rb"});
  CHECK(read("\xef\xbb\xbfone\ntwo") == Lines{"one", "two"});
  CHECK(read("\xef\xbb\xbf").empty());
  CHECK(read("\xef\xbb") == Lines{"\xef\xbb"});
  CHECK(read(std::string_view("a\0b\n", 4)) == Lines{std::string("a\0b", 3)});
}

TEST_CASE("a last line without its end is told apart") {
  const tests::TemporaryFolder folder;
  bool ended = false;
  write_file_atomically(folder / "t", "a\nb\n");
  lines_of(folder / "t", &ended);
  CHECK(ended);
  write_file_atomically(folder / "t", "a\nb");
  lines_of(folder / "t", &ended);
  CHECK_FALSE(ended);
}

TEST_CASE("lines across the reader's buffer come whole") {
  const tests::TemporaryFolder folder;
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    expected.emplace_back(static_cast<std::size_t>(i * 3001 % 90000),
                          static_cast<char>('a' + i % 26));
    text += expected.back() + (i % 2 ? "\r\n" : "\n");
  }
  write_file_atomically(folder / "t", text);
  CHECK(lines_of(folder / "t") == expected);
}

TEST_CASE("a line over the limit is refused with its number") {
  const tests::TemporaryFolder folder;
  const auto read = [&](const std::string& text) {
    write_file_atomically(folder / "t", text);
    return tests::error_text<InputError>([&] {
      LineReader reader(folder / "t", 1000);
      std::string_view line;
      while (reader.next(line)) {
      }
    });
  };
  CHECK(read("a\n" + std::string(1000, 'x') + "\r\n") == "nothing was thrown");
  CHECK_THAT(read("a\n" + std::string(1001, 'x') + "\n"),
             Catch::Contains("t:2: line longer than the 1000 bytes"));
  CHECK_THAT(read(std::string(3000000, 'x')), Catch::Contains("t:1: line longer than"));
}

TEST_CASE("lines come from a pipe as well") {
  const tests::TemporaryFolder folder;
  const auto pipe = folder / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  std::thread writer([&] {
    FILE* out = std::fopen(pipe.c_str(), "w");
    std::fputs("one\n", out);
    std::fflush(out);
    std::fputs("two", out);
    std::fclose(out);
  });
  CHECK(lines_of(pipe) == std::vector<std::string>{"one", "two"});
  writer.join();
}

TEST_CASE("JSON Lines: blank lines are skipped and counted, errors name file and line") {
  const tests::TemporaryFolder folder;
  const auto path = folder / "rows.jsonl";
  write_file_atomically(path, "\xef\xbb\xbf{\"x\": 1}\r\n\n  \t\r\n{\"x\": \"two\"}");
  JsonlReader reader(path);
  Json value;
  REQUIRE(reader.next(value));
  CHECK(reader.object(value).get_int("x") == 1);
  CHECK(reader.line_number() == 1);
  REQUIRE(reader.next(value));
  CHECK(reader.line_number() == 4);
  CHECK(reader.blank_lines() == 2);
  CHECK(tests::error_text<InputError>([&] { reader.object(value).get_int("x"); }) ==
        path.string() + ":4: field 'x': must be an integer, not \"two\"");
  CHECK_FALSE(reader.next(value));

  const auto refusal = [&](const std::string& text) {
    write_file_atomically(path, text);
    return tests::error_text<InputError>([&] {
      JsonlReader all(path);
      while (all.next(value)) {
      }
    });
  };
  CHECK_THAT(refusal("{}\n{\"a\": }\n"), Catch::StartsWith(path.string() + ":2:7: "));
  CHECK(refusal("{}\n\n[1]\n") == path.string() + ":3: must be a JSON object, not an array");
  CHECK_THAT(refusal("{} {}\n"), Catch::StartsWith(path.string() + ":1:4: "));
  CHECK_THAT(refusal("{}\n{\"a\": 1"), Catch::StartsWith(path.string() + ":2:"));
  CHECK_THROWS_AS(JsonlReader(folder / "missing"), InputError);
}
