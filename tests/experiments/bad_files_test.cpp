// Files that are damaged or do not belong together: refused in one line, nothing left behind.
#include <catch2/catch.hpp>

#include <sys/stat.h>

#include "tests/experiments/bad_input.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const char* const kTensor = "transformer.h.0.attn.c_attn.bias";  // [108]

BadInput header_case(const char* name, const char* field, Json value, const char* expected) {
  return {name, [=](Scene& s) { s.change_header([&](Json& h) { h[kTensor][field] = value; }); },
          expected};
}

BadInput raw_weights(const char* name, const std::string& bytes, const char* expected) {
  return {name, [=](Scene& s) { write_file_atomically(s.weights(), bytes); }, expected};
}

BadInput cut_weights(const char* name, double share, const char* expected) {
  return {name,
          [=](Scene& s) {
            const std::string bytes = read_bytes(s.weights());
            const auto kept = static_cast<size_t>(share * static_cast<double>(bytes.size() - 1));
            write_file_atomically(s.weights(), bytes.substr(0, kept));
          },
          expected};
}

BadInput config_case(const char* key, Json value, const char* expected) {
  return {std::string("config ") + key + " = " + value.dump(),
          [=](Scene& s) { s.model().change_config([&](Json& c) { c[key] = value; }); }, expected};
}

BadInput data_case(const char* name, const std::string& text, const char* expected) {
  return {name, [=](Scene& s) { s.write_data(text); }, expected};
}

BadInput adapter_case(const char* key, Json value, const char* expected) {
  return {std::string("adapter ") + key + " = " + value.dump(),
          [=](Scene& s) {
            s.use_adapter("gpt2_c_attn");
            s.change_json(s.adapter() / "adapter_config.json", [&](Json& c) { c[key] = value; });
          },
          expected};
}

void make_pipe(const std::filesystem::path& file) {
  std::filesystem::remove(file);
  REQUIRE(mkfifo(file.c_str(), 0600) == 0);
}

std::string ids(int count) {
  std::string text = "[1";
  for (int i = 1; i < count; ++i) text += ",1";
  return text + "]";
}

}  // namespace

TEST_CASE("the program refuses damaged weights") {
  const std::string no_data;
  check_refused({
      {"no weights", [](Scene& s) { std::filesystem::remove(s.weights()); },
       "has neither model.safetensors nor model.safetensors.index.json"},
      {"a folder in the weights' place",
       [](Scene& s) {
         std::filesystem::remove(s.weights());
         std::filesystem::create_directory(s.weights());
       },
       "Is a directory"},
      raw_weights("empty", "", "0 bytes are too few for a safetensors file"),
      raw_weights("header beyond the file", safetensors_bytes(4096, "{}", no_data),
                  "the header needs 4096 bytes, but only 2 follow"),
      raw_weights("header over 100 MB", safetensors_bytes(100'000'001, "{}", no_data),
                  "is over 100 MB"),
      raw_weights("header length of all ones", safetensors_bytes(UINT64_MAX, "{}", no_data),
                  "is over 100 MB"),
      raw_weights("not JSON", safetensors_bytes("{{", no_data), "syntax error"),
      cut_weights("cut in the header", 0.001, "is the download complete?"),
      cut_weights("cut in the middle", 0.5, "is the download complete?"),
      cut_weights("cut by two bytes", 0.999999, "is the download complete?"),
      header_case("offsets out of range", "data_offsets",
                  {uint64_t{1} << 40, (uint64_t{1} << 40) + 432}, "model.safetensors"),
      {"overlapping offsets",
       [](Scene& s) {
         s.change_header([](Json& h) {
           std::string last;
           for (const auto& [name, entry] : h.items()) {
             if (name == "__metadata__") continue;
             if (last.empty() || entry["data_offsets"][0] > h[last]["data_offsets"][0]) last = name;
           }
           for (Json& offset : h[last]["data_offsets"]) offset = offset.get<int64_t>() - 4;
         });
       },
       "overlap those of"},
      header_case("offsets reversed", "data_offsets", {432, 0}, "0 <= begin <= end"),
      header_case("offsets negative", "data_offsets", {-432, 0}, "0 <= begin <= end"),
      header_case("shape times type", "shape", {109}, "but the shape and type need 436"),
      header_case("shape that overflows", "shape", {int64_t{1} << 40, int64_t{1} << 40},
                  "overflow"),
      header_case("negative shape", "shape", {-108}, "negative size"),
      header_case("fractional shape", "shape", {1.5}, "must be an integer"),
      header_case("unknown type", "dtype", "F31", "unknown type 'F31'"),
      header_case("integer type", "dtype", "I32", "has type I32, which is not supported"),
      {"a name twice",
       [](Scene& s) {
         const std::string bytes = read_bytes(s.weights());
         uint64_t length = 0;
         std::memcpy(&length, bytes.data(), sizeof length);
         const std::string header = bytes.substr(8, length);
         const std::string again =
             Json{{kTensor, Json::parse(header).at(kTensor)}}.dump().substr(1);
         const std::string twice = header.substr(0, header.rfind('}')) + "," + again;
         write_file_atomically(s.weights(), safetensors_bytes(twice, bytes.substr(8 + length)));
       },
       "is given twice"},
      {"a missing tensor",
       [](Scene& s) { s.model().change_tensors([](OwnedTensors& t) { t.erase(kTensor); }); },
       "tensor 'transformer.h.0.attn.c_attn.bias' [108] is missing"},
      {"an extra tensor",
       [](Scene& s) {
         s.model().change_tensors([](OwnedTensors& t) { t["surplus"] = t.at(kTensor); });
       },
       "tensor 'surplus' [108] is no part of the model"},
  });
}

TEST_CASE("the program refuses a config that is damaged or of other weights") {
  check_refused({
      {"no config", [](Scene& s) { std::filesystem::remove(s.model().path() / "config.json"); },
       "has no config.json"},
      {"empty config",
       [](Scene& s) { write_file_atomically(s.model().path() / "config.json", ""); },
       "config.json:1:1: syntax error"},
      config_case("n_embd", 72, "has shape [108], but config.json calls for [216]"),
      config_case("n_embd", "36", "field 'n_embd': must be an integer"),
      config_case("n_embd", int64_t{1} << 62, "field 'n_embd': must be an integer from 1 to"),
      config_case("n_head", 5, "does not divide n_embd"),
      config_case("n_layer", 1, "is no part of the model"),
      config_case("n_layer", 3, "is missing, which config.json calls for"),
      config_case("n_layer", 1'000'000'000, "field 'n_layer'"),
      config_case("vocab_size", 1012, "calls for [1012, 36]"),
      config_case("n_positions", 128, "calls for [128, 36]"),
      config_case("tie_word_embeddings", false, "tensor 'lm_head.weight' [1013, 36] is missing"),
      config_case("activation_function", "relu", "'relu', which is not supported"),
      config_case("model_type", "gpt3", "did you mean 'gpt2'?"),
      config_case("eos_token_id", -1, "field 'eos_token_id': must be a token id"),
      {"a pipe in the config's place",
       [](Scene& s) { make_pipe(s.model().path() / "config.json"); }, "not a regular file"},
      config_case("quantization_config", {{"bits", 4}}, "quantized checkpoints"),
  });
}

TEST_CASE("the program refuses token files that do not fit the model") {
  check_refused({
      {"no data", [](Scene& s) { std::filesystem::remove(s.data()); }, "No such file"},
      {"a folder as data", [](Scene& s) { s.set("--data", s.model().path()); }, "Is a directory"},
      data_case("empty", "", "holds no examples"),
      data_case("blank lines", "\n \n", "holds no examples"),
      data_case(
          "id beyond the vocabulary",
          "{\"prompt_ids\":[1],\"target_ids\":[1]}\n{\"prompt_ids\":[1],\"target_ids\":[1013]}\n",
          "data.jsonl:2: field 'target_ids': token id 1013 is outside"),
      data_case("negative id", "{\"prompt_ids\":[-1],\"target_ids\":[1]}",
                "data.jsonl:1: field 'prompt_ids': token id -1 is outside"),
      data_case("id beyond 32 bits", "{\"prompt_ids\":[4294967297],\"target_ids\":[1]}",
                "token id 4294967297 is outside"),
      data_case("id beyond 64 bits", "{\"prompt_ids\":[18446744073709551617],\"target_ids\":[1]}",
                "must be an integer"),
      data_case("fraction as id", "{\"prompt_ids\":[1.5],\"target_ids\":[1]}",
                "field 'prompt_ids[0]': must be an integer, not 1.5"),
      data_case("text as id", "{\"prompt_ids\":[\"1\"],\"target_ids\":[1]}", "must be an integer"),
      data_case("null", "{\"prompt_ids\":null,\"target_ids\":[1]}", "must be an array"),
      data_case("no target", "{\"prompt_ids\":[1]}", "field 'target_ids': is missing"),
      data_case("empty target", "{\"prompt_ids\":[1],\"target_ids\":[]}", "at least one token"),
      data_case("nothing to predict", "{\"prompt_ids\":[],\"target_ids\":[1]}",
                "no line has a token to predict"),
      data_case("unknown key", "{\"prompt_ids\":[1],\"target_ids\":[1],\"targetids\":[1]}",
                "unknown key 'targetids'; did you mean 'target_ids'?"),
      data_case("a key twice", "{\"prompt_ids\":[1],\"prompt_ids\":[1],\"target_ids\":[1]}",
                "is given twice"),
      data_case("cut line", "{\"prompt_ids\":[1],\"target_ids\":[1",
                "data.jsonl:1:34: syntax error"),
      data_case("an array", "[1,2]", "must be a JSON object"),
      data_case("binary", std::string("\xff\xfe\x00\x01", 4), "syntax error"),
      data_case("nested without end", std::string(100'000, '['), "nested deeper than"),
      data_case("longer than the context", "{\"prompt_ids\":" + ids(64) + ",\"target_ids\":[1]}",
                "prompt and target are 65 tokens, the model's context is 64; shorten"),
      {"longer than what special tokens leave of the context",
       [](Scene& s) {
         s.write_data("{\"prompt_ids\":" + ids(24) + ",\"target_ids\":[1]}");
         s.add({"--method", "prefix_embed", "--set", "prefix=40"});
       },
       "25 tokens, the model's context is 64, of which special tokens take 40; shorten"},
  });
}

TEST_CASE("the program refuses adapters that are damaged, foreign or not supported") {
  check_refused({
      {"no folder",
       [](Scene& s) {
         s.use_adapter("gpt2_c_attn");
         s.set("--adapter", s.beside("nothing"));
       },
       "has neither rankscope.json nor adapter_config.json"},
      {"of another model", [](Scene& s) { s.use_adapter("llama_q_v"); },
       "check that the adapter belongs to the model"},
      {"no weights",
       [](Scene& s) {
         s.use_adapter("gpt2_c_attn");
         std::filesystem::remove(s.adapter() / "adapter_model.safetensors");
       },
       "adapter_model.safetensors"},
      {"cut weights",
       [](Scene& s) {
         s.use_adapter("gpt2_c_attn");
         const auto file = s.adapter() / "adapter_model.safetensors";
         std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4);
       },
       "is the download complete?"},
      adapter_case("peft_type", "LOHA", "'LOHA', which is not supported"),
      adapter_case("use_dora", true, "has lora_A but no lora_magnitude_vector"),
      adapter_case("bias", "all", "adapters with biases are not supported"),
      adapter_case("modules_to_save", {"lm_head"}, "this feature of PEFT is not supported"),
      adapter_case("init_lora_weights", "pissa", "changes the base's weights"),
      adapter_case("r", 5, "has rank 5 by the ranks there, but rank 4"),
      adapter_case("r", "4", "field 'r': must be an integer"),
      adapter_case("target_modules", {"c_fc"}, "the two files do not belong together"),
      adapter_case("target_modules", "([", "cannot be read as a regular expression"),
      adapter_case("rank_pattern", {{"(", 4}}, "cannot be read as a regular expression"),
  });
}
