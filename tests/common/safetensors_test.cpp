#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>

#include "common/error.h"
#include "common/safetensors.h"
#include "tests/error_text.h"
#include "tests/shared_files.h"
#include "tests/skip.h"
#include "tests/temporary_folder.h"

using namespace rankscope;

namespace {

// A file of this header and this many data bytes.
std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string file(8, '\0');
  for (int i = 0; i < 8; ++i) file[i] = static_cast<char>((header.size() >> (8 * i)) & 0xff);
  return file + header + std::string(data_bytes, '\x01');
}

std::span<const std::byte> bytes_of(const std::string& file) {
  return std::as_bytes(std::span(file.data(), file.size()));
}

std::string refusal(const std::string& file) {
  return tests::error_text<InputError>([&] { parse_safetensors(bytes_of(file), "m.safetensors"); });
}

// A header with one tensor, by its three fields.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

}  // namespace

TEST_CASE("safetensors: what is written is read back") {
  const tests::TemporaryFolder folder;
  const auto path = folder / "m.safetensors";
  std::vector<float> matrix(6);
  std::iota(matrix.begin(), matrix.end(), 1.0f);
  const std::vector<std::uint16_t> half = {0x3f80};
  const std::vector<std::uint8_t> odd = {7, 8, 9};
  write_safetensors(path,
                    {{"z.odd", DType::kU8, {3}, odd.data()},
                     {"scalar", DType::kBF16, {}, half.data()},
                     {"empty", DType::kI64, {0, 5}, nullptr},
                     {"b\"\n\xc3\xa9", DType::kF32, {2, 3}, matrix.data()},
                     {"a", DType::kF32, {6}, matrix.data()}},
                    {{"format", "pt"}, {"about", "x"}});
  const SafetensorsFile file(path);
  CHECK(file.metadata() == std::map<std::string, std::string>{{"about", "x"}, {"format", "pt"}});
  std::vector<std::string> names;
  for (const TensorEntry& entry : file.entries()) names.push_back(entry.name);
  CHECK(names == std::vector<std::string>{"empty", "a", "b\"\n\xc3\xa9", "scalar", "z.odd"});
  const TensorEntry& entry = file.at("b\"\n\xc3\xa9");
  CHECK(entry.shape == std::vector<std::int64_t>{2, 3});
  CHECK(entry.dtype == DType::kF32);
  CHECK(entry.elements() == 6);
  REQUIRE(file.bytes(entry).size() == 24);
  CHECK(std::memcmp(file.bytes(entry).data(), matrix.data(), 24) == 0);
  file.drop_pages(entry);
  CHECK(std::memcmp(file.bytes(entry).data(), matrix.data(), 24) == 0);
  CHECK(file.at("scalar").elements() == 1);
  CHECK(file.at("empty").elements() == 0);
  CHECK(file.bytes(file.at("empty")).empty());
  CHECK(std::memcmp(file.bytes(file.at("z.odd")).data(), odd.data(), 3) == 0);
  CHECK(file.find("none") == nullptr);
  CHECK_THAT(tests::error_text<InputError>([&] { file.at("scalr"); }),
             Catch::EndsWith("no tensor 'scalr'; did you mean 'scalar'?"));
}

TEST_CASE("safetensors: the bytes written do not depend on the order given") {
  const tests::TemporaryFolder folder;
  const float value = 1.5f;
  const std::uint8_t byte = 2;
  const TensorToWrite a{"a", DType::kU8, {1}, &byte};
  const TensorToWrite b{"b", DType::kF32, {1}, &value};
  const TensorToWrite c{"c", DType::kF32, {1, 1}, &value};
  write_safetensors(folder / "1", {a, b, c}, {{"k", "v"}});
  write_safetensors(folder / "2", {c, a, b}, {{"k", "v"}});
  const std::string text = read_text_file(folder / "1");
  CHECK(text == read_text_file(folder / "2"));
  const std::string header =
      R"({"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("c":{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]},)"
      R"("a":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})";
  CHECK(text.substr(8, header.size()) == header);
  CHECK((text.size() - 9) % 8 == 0);
}

TEST_CASE("safetensors: the writer refuses what no file may hold") {
  const tests::TemporaryFolder folder;
  const float value = 0;
  const auto refused = [&](std::vector<TensorToWrite> tensors) {
    return tests::error_text<std::invalid_argument>(
        [&] { write_safetensors(folder / "m", std::move(tensors)); });
  };
  const TensorToWrite w{"w", DType::kF32, {1}, &value};
  CHECK_THAT(refused({w, w}), Catch::Contains("'w' is given twice"));
  CHECK_THAT(refused({{"w", DType::kF32, {-1}, &value}}), Catch::Contains("negative size"));
  CHECK_THAT(refused({{"w", DType::kF32, {1}, nullptr}}), Catch::Contains("no data"));
  CHECK_THAT(refused({{"\xff", DType::kF32, {1}, &value}}), Catch::Contains("not UTF-8"));
  CHECK_THAT(refused({{"__metadata__", DType::kF32, {1}, &value}}), Catch::Contains("reserved"));
  CHECK_THAT(refused({{"w", DType::kF32, {1LL << 40, 1LL << 40}, &value}}),
             Catch::Contains("overflows"));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("safetensors: all element types have a size and keep their names") {
  const std::vector<std::pair<std::string, std::size_t>> types = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1},
      {"I16", 2},  {"U16", 2}, {"F16", 2}, {"BF16", 2},    {"I32", 4},
      {"U32", 4},  {"F32", 4}, {"F64", 8}, {"I64", 8},     {"U64", 8}};
  for (const auto& [name, size] : types) {
    REQUIRE(dtype_from_name(name));
    CHECK(dtype_name(*dtype_from_name(name)) == name);
    CHECK(dtype_size(*dtype_from_name(name)) == size);
  }
  CHECK_FALSE(dtype_from_name("f32"));
  CHECK_FALSE(dtype_from_name(""));
}

TEST_CASE("safetensors: legal headers of unusual form are read") {
  CHECK(refusal(file_of("{}", 0)) == "nothing was thrown");
  CHECK(refusal(file_of("{}     ", 0)) == "nothing was thrown");
  CHECK(refusal(file_of(one("\"F32\"", "[]", "[0,4]"), 4)) == "nothing was thrown");
  CHECK(refusal(file_of(one("\"F32\"", "[0,9223372036854775807,9]", "[0,0]"), 0)) ==
        "nothing was thrown");
  // The order of the header need not be that of the data.
  CHECK(refusal(file_of(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},)"
                        R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                        3)) == "nothing was thrown");
}

TEST_CASE("safetensors: a truncated file is told as such") {
  const std::string whole = file_of(one("\"F32\"", "[2,2]", "[0,16]"), 16);
  CHECK(refusal("") ==
        "m.safetensors: 0 bytes are too few for a safetensors file; is the download complete?");
  CHECK_THAT(refusal(whole.substr(0, 7)), Catch::EndsWith("is the download complete?"));
  CHECK(refusal(whole.substr(0, 20)) ==
        "m.safetensors: the header needs 57 bytes, but only 12 follow; is the download complete?");
  CHECK(
      refusal(whole.substr(0, whole.size() - 1)) ==
      "m.safetensors: tensor 'w': ends at data byte 16, but the file has only 15; is the download "
      "complete?");
  // Wherever the file is cut, it is refused.
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO(length);
    CHECK(refusal(whole.substr(0, length)) != "nothing was thrown");
  }
  CHECK(refusal(whole) == "nothing was thrown");
}

TEST_CASE("safetensors: header lengths that lie are refused") {
  std::string file = file_of("{}", 0);
  for (int i = 0; i < 8; ++i) file[i] = '\xff';
  CHECK(refusal(file) ==
        "m.safetensors: header length 18446744073709551615 is over 100 MB; is this a safetensors "
        "file?");
  CHECK_THAT(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
             Catch::Contains("Git LFS pointer"));
  CHECK_THAT(refusal(file_of("", 0)), Catch::Contains("does not begin with '{'"));
  CHECK_THAT(refusal(file_of(" {}", 0)), Catch::Contains("does not begin with '{'"));
}

TEST_CASE("safetensors: headers that are not the right JSON are refused") {
  CHECK_THAT(refusal(file_of("{\"w\":", 0)), Catch::StartsWith("m.safetensors: header:1:6: "));
  CHECK_THAT(refusal(file_of("{}x", 0)), Catch::StartsWith("m.safetensors: header:1:3: "));
  CHECK_THAT(refusal(file_of("{\"\xff\":1}", 0)), Catch::Contains("UTF-8"));
  CHECK(refusal(file_of(R"({"w":3})", 0)) ==
        "m.safetensors: tensor 'w': must be a JSON object, not 3");
  CHECK_THAT(refusal(file_of(std::string(R"({"w":)") + std::string(100000, '['), 0)),
             Catch::EndsWith("nested deeper than 8 levels"));
  const std::string w = R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  CHECK_THAT(refusal(file_of("{" + w + "," + w + "}", 1)),
             Catch::EndsWith("key 'w' is given twice"));
}

TEST_CASE("safetensors: tensor fields that are missing or of the wrong type are refused") {
  const std::string who = "m.safetensors: tensor 'w': field ";
  CHECK(refusal(file_of(R"({"w":{"shape":[1],"data_offsets":[0,1]}})", 1)) ==
        who + "'dtype': is missing");
  CHECK(refusal(file_of(R"({"w":{"dtype":"U8","data_offsets":[0,1]}})", 1)) ==
        who + "'shape': is missing");
  CHECK(refusal(file_of(R"({"w":{"dtype":"U8","shape":[1]}})", 1)) ==
        who + "'data_offsets': is missing");
  CHECK(refusal(file_of(one("\"F33\"", "[1]", "[0,4]"), 4)) == who + "'dtype': unknown type 'F33'");
  CHECK(refusal(file_of(one("4", "[1]", "[0,4]"), 4)) == who + "'dtype': must be a string, not 4");
  CHECK(refusal(file_of(one("\"F32\"", "1", "[0,4]"), 4)) ==
        who + "'shape': must be an array, not 1");
  CHECK(refusal(file_of(one("\"F32\"", "[1.0]", "[0,4]"), 4)) ==
        who + "'shape[0]': must be an integer, not 1.0");
  CHECK(refusal(file_of(one("\"F32\"", "[-1]", "[0,4]"), 4)) == who + "'shape': negative size -1");
  CHECK_THAT(refusal(file_of(one("\"F32\"", "[18446744073709551615]", "[0,4]"), 4)),
             Catch::StartsWith(who + "'shape[0]': must be an integer"));
  for (const char* offsets : {"[0]", "[0,4,8]", "[4,0]", "[-4,0]", "[]"}) {
    CHECK(refusal(file_of(one("\"F32\"", "[1]", offsets), 4)) ==
          who + "'data_offsets': must be [begin, end] with 0 <= begin <= end");
  }
  CHECK_THAT(
      refusal(file_of(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"stride":[1]}})", 1)),
      Catch::StartsWith("m.safetensors: tensor 'w': unknown key 'stride'"));
}

TEST_CASE("safetensors: shapes that overflow or do not match their bytes are refused") {
  const std::string who = "m.safetensors: tensor 'w': field ";
  const std::string overflow = who + "'shape': too large: its bytes overflow 63 bits";
  CHECK(refusal(file_of(one("\"F32\"", "[4611686018427387905]", "[0,4]"), 4)) == overflow);
  CHECK(refusal(file_of(one("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0)) == overflow);
  CHECK(refusal(file_of(one("\"F32\"", "[4294967296,1073741824]", "[0,0]"), 0)) == overflow);
  CHECK(refusal(file_of(one("\"F32\"", "[2305843009213693952]", "[0,0]"), 0)) == overflow);
  CHECK(refusal(file_of(one("\"F32\"", "[3]", "[0,16]"), 16)) ==
        who + "'data_offsets': hold 16 bytes, but the shape and type need 12");
  CHECK(
      refusal(file_of(one("\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]"), 16)) ==
      "m.safetensors: tensor 'w': ends at data byte 9223372036854775807, but the file has only 16; "
      "is the download complete?");
}

TEST_CASE("safetensors: data that overlap, leave holes or belong to none are refused") {
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + a +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + b + "}}";
  };
  CHECK(refusal(file_of(two("[0,4]", "[4,8]"), 8)) == "nothing was thrown");
  CHECK(refusal(file_of(two("[0,4]", "[3,7]"), 7)) ==
        "m.safetensors: tensor 'b': its data overlap those of 'a'");
  CHECK(refusal(file_of(two("[0,4]", "[0,4]"), 4)) ==
        "m.safetensors: tensor 'b': its data overlap those of 'a'");
  CHECK(refusal(file_of(two("[5,9]", "[0,4]"), 9)) ==
        "m.safetensors: tensor 'a': a hole of 1 bytes lies before its data");
  CHECK(refusal(file_of(two("[1,5]", "[5,9]"), 9)) ==
        "m.safetensors: tensor 'a': a hole of 1 bytes lies before its data");
  CHECK(refusal(file_of(two("[0,4]", "[4,8]"), 11)) ==
        "m.safetensors: 3 bytes after the last tensor belong to none");
  CHECK(refusal(file_of("{}", 3)) == "m.safetensors: 3 bytes after the last tensor belong to none");
}

TEST_CASE("safetensors: metadata that are not text are refused") {
  CHECK(refusal(file_of(R"({"__metadata__":{"a":1}})", 0)) ==
        "m.safetensors: __metadata__: field 'a': must be a string, not 1");
  CHECK(refusal(file_of(R"({"__metadata__":[]})", 0)) ==
        "m.safetensors: __metadata__: must be a JSON object, not an array");
  CHECK(refusal(file_of(R"({"__metadata__":{"a":"1"}})", 0)) == "nothing was thrown");
}

TEST_CASE("safetensors: hostile tensor names stay inside one short line") {
  const std::string name = "\\n\\u001b[2J" + std::string(10000, 'n');
  const std::string message = refusal(file_of("{\"" + name + "\":3}", 0));
  CHECK(message.size() < 300);
  CHECK(message.find_first_of("\n\x1b") == std::string::npos);
}

TEST_CASE("safetensors: a published model opens") {
  const auto path = tests::shared_file("models/stories260k/model.safetensors");
  if (!path) RANKSCOPE_SKIP("no shared models on this machine");
  const SafetensorsFile file(*path);
  CHECK(file.entries().size() > 10);
  CHECK_NOTHROW(file.at("model.embed_tokens.weight"));
}
