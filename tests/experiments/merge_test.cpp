// `merge` and `combine` as a user runs them.
#include <catch2/catch.hpp>

#include <cmath>
#include <tuple>

#include "common/draws.h"
#include "common/safetensors.h"
#include "engine/checkpoint/adapter.h"
#include "tests/engine/models/model_folder.h"
#include "tests/experiments/program.h"
#include "tests/experiments/text_model.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

// An adapter of a golden model whose trained values have all been drawn, saved; `last` comes
// before.
void save_drawn(const fs::path& folder, const std::string& golden, const std::string& method_name,
                const std::vector<std::string>& assignments = {}, std::uint64_t seed = 5,
                const std::function<void(Adaptation&)>& last = {}) {
  const auto backend = make_cpu_backend(1);
  const auto model = load_model(golden_folder(golden), *backend);
  Settings settings;
  for (const std::string& assignment : assignments) settings.add(assignment);
  const auto method = make_method(method_name, settings);
  const auto adaptation = method->adapt(*model, 1);
  for (const TrainedParameter& trained : adaptation->trained()) {
    const std::span<float> values = trained.parameter->value.values();
    Draws(seed, "test", trained.parameter->name).fill_normal(values);
    for (float& value : values) value *= 0.1f;
  }
  model->refresh();
  adaptation->refresh(*model);
  if (last) last(*adaptation);
  save_adapter(folder, *model, *adaptation, *method);
}

std::vector<double> nll(const fs::path& model, const fs::path& data, const fs::path& adapter = {}) {
  std::vector<std::string> command = {"nll",     "--json",       "--threads", "1",
                                      "--model", model.string(), "--data",    data.string()};
  if (!adapter.empty()) command.insert(command.end(), {"--adapter", adapter.string()});
  std::vector<double> all;
  for (const Json& line : json_lines(run_program(command))) all.push_back(line.at("nll"));
  return all;
}

std::vector<double> nll_of(const std::string& golden, const fs::path& model,
                           const fs::path& adapter = {}) {
  return nll(model, golden_folder(golden) / "batch.jsonl", adapter);
}

double apart(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = a.size() == b.size() ? 0 : INFINITY;
  for (size_t i = 0; i < b.size(); ++i) worst = std::max(worst, std::abs(a[i] / b[i] - 1));
  return worst;
}

std::vector<std::string> merge_command(const fs::path& model, const fs::path& adapter,
                                       const fs::path& out) {
  return {"merge",     "--model", model.string(), "--adapter", adapter.string(),
          "--threads", "1",       "--out",        out.string()};
}

}  // namespace

TEST_CASE("merge writes a model that is the base with its adapter") {
  struct Example {
    std::string golden, method;
    std::vector<std::string> settings;
  };
  const Example example =
      GENERATE(Example{"gpt2_tied", "lora", {"rank=3", "targets=all", "alpha=5"}},
               Example{"gpt2_tied", "dora", {"rank=3", "targets=attention"}},
               Example{"gpt2_tied", "adalora", {"rank=2"}}, Example{"gpt2_tied", "bitfit", {}},
               Example{"gpt2_tied", "full", {}}, Example{"gpt2_tied", "ft_top2", {}},
               Example{"gpt2_tied", "lora+bitfit", {"rank=2"}}, Example{"gpt2_tied", "none", {}},
               Example{"llama_gqa", "lora", {"rank=2", "init=pissa"}},
               Example{"llama_gqa", "dora", {"rank=3", "targets=all"}},
               Example{"dtypes/sharded", "lora", {"rank=2", "targets=Wo"}},
               Example{"dtypes/unprefixed_gpt2", "full", {}});
  INFO(example.golden << " " << example.method);
  const TemporaryFolder folder;
  save_drawn(folder / "adapter", example.golden, example.method, example.settings);
  const fs::path base = golden_folder(example.golden), out = folder / "merged";
  const ProgramResult result = run_program(merge_command(base, folder / "adapter", out));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(names_below(out) == std::vector<std::string>{"config.json", "model.safetensors"});
  CHECK(apart(nll_of(example.golden, out), nll_of(example.golden, base, folder / "adapter")) <
        1e-5);
  if (example.method != "none")
    CHECK_THAT(run_program({"merge", "--help"}).out,
               Catch::Contains(example.method.substr(0, example.method.find('+'))));
}

TEST_CASE("merge writes the type that is asked for") {
  const TemporaryFolder folder;
  const std::string golden = "dtypes/bf16";
  save_drawn(folder / "adapter", golden, "lora", {"rank=3", "targets=all"});
  const std::vector<double> beside = nll_of(golden, golden_folder(golden), folder / "adapter");
  const auto merged = [&](const std::string& dtype) {
    const ProgramResult result =
        run_with(merge_command(golden_folder(golden), folder / "adapter", folder / dtype),
                 {"--dtype", dtype});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    const SafetensorsFile file(folder / dtype / "model.safetensors");
    return std::pair(std::string(dtype_name(file.entries().front().dtype)),
                     apart(nll_of(golden, folder / dtype), beside));
  };
  const auto [base_type, base_error] = merged("base");
  CHECK(base_type == "BF16");
  CHECK(base_error < 1e-2);
  CHECK(base_error > 1e-6);
  const auto [f32_type, f32_error] = merged("f32");
  CHECK(f32_type == "F32");
  CHECK(f32_error < 1e-5);
  const auto [f16_type, f16_error] = merged("f16");
  CHECK(f16_type == "F16");
  CHECK(f16_error < 2e-3);
  // The base's own type, asked for by name, gives the same bytes.
  merged("bf16");
  check_same_folder(folder / "base", folder / "bf16");
}

TEST_CASE(
    "an adapter of another base is applied with a warning, and on a copy of its own without") {
  const TemporaryFolder folder;
  const std::string golden = "dtypes/bf16";
  const fs::path base = golden_folder(golden), adapter = folder / "adapter";
  save_drawn(adapter, golden, "lora", {"rank=3", "targets=all"});
  save_drawn(folder / "none", golden, "none");
  save_drawn(folder / "full", golden, "full");
  const auto warnings = [&](const fs::path& model, const fs::path& of) {
    const ProgramResult result =
        run_program({"nll", "--threads", "1", "--model", model.string(), "--data",
                     (base / "batch.jsonl").string(), "--adapter", of.string()});
    REQUIRE(result.exit_code == 0);
    return result.err;
  };
  const auto analysis_warnings = [&](const fs::path& model, const fs::path& of) {
    const ProgramResult result =
        run_program({"analyze", "amplification", "--threads", "1", "--layer", "0", "--model",
                     model.string(), "--adapter", of.string()});
    REQUIRE(result.exit_code == 0);
    return result.err;
  };
  const auto merged = [&](const char* with, const std::vector<std::string>& more) {
    const fs::path out = folder / (std::string("with_") + with);
    REQUIRE(run_with(merge_command(base, folder / with, out), more).exit_code == 0);
    return out;
  };
  // The same values in another type and folder, and others.
  const fs::path copy = merged("none", {"--dtype", "f32"}), other = merged("full", {});
  CHECK(warnings(base, adapter) == "");
  CHECK(warnings(copy, adapter) == "");
  CHECK(warnings(other, folder / "full") == "");
  const std::string told = warnings(other, adapter);
  CHECK_THAT(told, Catch::Contains("adapter' was trained on other weights than those of '") &&
                       Catch::Contains("with_full'"));
  CHECK(std::ranges::count(told, '\n') == 1);
  CHECK(analysis_warnings(base, adapter) == "");
  CHECK(analysis_warnings(copy, adapter) == "");
  CHECK(analysis_warnings(other, adapter) == told);
  // A sum of adapters stands on the base of them all.
  REQUIRE(run_program({"combine", "--type", "cat", "--adapter", adapter.string(), "--adapter",
                       adapter.string(), "--out", (folder / "sum").string()})
              .exit_code == 0);
  CHECK(warnings(copy, folder / "sum") == "");
  CHECK(warnings(other, folder / "sum") != "");
  // PEFT's own folder has a name alone.
  fs::remove(adapter / "rankscope.json");
  CHECK(warnings(base, adapter) == "");
  CHECK_THAT(warnings(other, adapter),
             Catch::Contains("says that its base is '" + base.string() + "'"));
  CHECK(analysis_warnings(base, adapter) == "");
  CHECK(analysis_warnings(other, adapter) == warnings(other, adapter));
}

TEST_CASE("merge takes the tokenizer's files along") {
  TextModel base;
  const TemporaryFolder folder;
  save_drawn(folder / "adapter", "llama_gqa", "none");
  const ProgramResult result =
      run_program(merge_command(base.path(), folder / "adapter", folder / "merged"));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  std::vector<std::string> expected = {"config.json", "model.safetensors"};
  for (const std::string& name : names_below(base.path())) {
    if (!name.starts_with("tokenizer")) continue;
    expected.push_back(name);
    CHECK(read_bytes(folder / "merged" / name) == read_bytes(base.folder().path() / name));
  }
  CHECK(expected.size() > 2);
  CHECK(names_below(folder / "merged") == expected);
}

TEST_CASE("merge refuses what no weight can do, and what is damaged, and leaves nothing") {
  const TemporaryFolder folder;
  const fs::path base = golden_folder("gpt2_tied"), out = folder / "merged", adapter = folder / "a";
  const auto refused = [&](const std::string& expected, const std::vector<std::string>& more = {}) {
    check_refused(run_with(merge_command(base, adapter, out), more), expected);
    CHECK_FALSE(fs::exists(out));
    for (const std::string& name : names_below(folder.path()))
      CHECK(name.find("rankscope-new") == std::string::npos);
  };
  SECTION("methods that are more than weights") {
    struct Example {
      std::string method, expected;
    };
    const Example example = GENERATE(
        Example{"prefix_kv", "tokens"}, Example{"prefix_embed", "tokens"},
        Example{"prefix_layer", "tokens"}, Example{"lora+prefix_embed", "tokens"},
        Example{"adapter_h", "layers of its own"}, Example{"adapter_l", "layers of its own"},
        Example{"adapter_h+dora", "layers of its own"});
    save_drawn(adapter, "gpt2_tied", example.method);
    refused(example.expected);
  }
  SECTION("no adapter") { refused("neither rankscope.json nor adapter_config.json"); }
  SECTION("another base's") {
    save_drawn(adapter, "llama_gqa", "lora");
    refused("adapter_model.safetensors");
  }
  SECTION("a value that is no number") {
    save_drawn(adapter, "gpt2_tied", "lora", {}, 5, [](Adaptation& adaptation) {
      adaptation.trained()[1].parameter->value.values()[0] = NAN;
    });
    refused("c_attn.weight");
  }
  SECTION("an unknown type") {
    save_drawn(adapter, "gpt2_tied", "lora");
    refused("--dtype", {"--dtype", "f8"});
  }
  SECTION("a folder that is there") {
    save_drawn(adapter, "gpt2_tied", "lora");
    const fs::path there = folder / "there";
    fs::create_directory(there);
    check_refused(run_program(merge_command(base, adapter, there)), "there");
    CHECK(names_below(there).empty());
  }
  SECTION("a full disk") {
    save_drawn(adapter, "gpt2_tied", "lora");
    const ProgramResult result =
        run_program(merge_command(base, adapter, out), {.file_size_limit = 20'000});
    CHECK(result.exit_code == 3);
    CHECK_FALSE(fs::exists(out));
  }
}

TEST_CASE("combine and merge are the sum of the adapters") {
  const TemporaryFolder folder;
  save_drawn(folder / "one", "llama_gqa", "lora", {"rank=3", "alpha=6"});
  save_drawn(folder / "two", "llama_gqa", "lora", {"rank=2", "targets=attention"}, 6);
  const std::vector<std::string> command = {
      "combine", "--adapter", (folder / "one").string(), "--adapter", (folder / "two").string(),
      "--json"};
  const auto combined = [&](const std::string& name, const std::vector<std::string>& more) {
    std::vector<std::string> all = more;
    all.insert(all.end(), {"--out", (folder / name).string()});
    return json_lines(run_with(command, all)).at(0);
  };
  const Json cat = combined("cat", {"--type", "cat", "--weight", "0.5", "--weight=-2"});
  CHECK(cat.at("modules") == 8);
  CHECK(cat.at("smallest_rank") == 2);
  CHECK(cat.at("largest_rank") == 5);
  const Json svd = combined("svd", {"--type", "svd", "--weight", "0.5", "--weight", "-2"});
  CHECK(svd.at("largest_rank") == 3);
  CHECK(svd.at("lost") > 0.0);
  CHECK(combined("svd5", {"--type", "svd", "--weight", "0.5", "--weight", "-2", "--rank", "5"})
            .at("lost") < 1e-7);
  const fs::path base = golden_folder("llama_gqa");
  const std::vector<double> of_cat = nll_of("llama_gqa", base, folder / "cat");
  CHECK(apart(nll_of("llama_gqa", base, folder / "svd5"), of_cat) < 1e-5);
  CHECK(apart(nll_of("llama_gqa", base, folder / "svd"), of_cat) > 1e-4);
  REQUIRE(run_program(merge_command(base, folder / "cat", folder / "merged")).exit_code == 0);
  CHECK(apart(nll_of("llama_gqa", folder / "merged"), of_cat) < 1e-5);

  const std::string out = (folder / "refused").string();
  check_refused(run_with(command, {"--type", "linear", "--out", out}), "equal ranks");
  check_refused(run_with(command, {"--type", "cat", "--weight", "1", "--out", out}),
                "1 weights for 2 adapters");
  check_refused(run_with(command, {"--type", "cat", "--rank", "2", "--out", out}), "--type svd");
  check_refused(run_with(command, {"--type", "svd", "--rank", "0", "--out", out}), "--rank");
  check_refused(
      run_with(command, {"--type", "svd", "--rank", "99999999999999999999", "--out", out}),
      "--rank");
  check_refused(run_with(command, {"--type", "ties", "--out", out}), "--type");
  check_refused(
      run_with(command, {"--type", "cat", "--weight", "1", "--weight", "nan", "--out", out}),
      "--weight");
  CHECK_FALSE(fs::exists(folder / "refused"));
}

TEST_CASE("combine warns of adapters of different weights, and of none whose base has two paths") {
  const TemporaryFolder folder;
  save_drawn(folder / "one", "llama_gqa", "lora", {"rank=3"});
  save_drawn(folder / "two", "llama_gqa", "lora", {"rank=2"}, 6);
  // As two runs with `--model base`, or `--model ./base/`, leave them.
  const auto say = [&](const char* adapter, const char* file, const char* key, const Json& value) {
    Json json = read_json_file(folder / adapter / file);
    json[key] = value;
    write_file_atomically(folder / adapter / file, json.dump());
  };
  const auto name = [&](const char* adapter, const char* base) {
    say(adapter, "adapter_config.json", "base_model_name_or_path", base);
  };
  name("one", "base");
  name("two", "base");
  int made = 0;
  const auto combined = [&] {
    const fs::path out = folder / ("out" + std::to_string(++made));
    const ProgramResult result =
        run_program({"combine", "--type", "cat", "--adapter", (folder / "one").string(),
                     "--adapter", (folder / "two").string(), "--out", out.string()});
    REQUIRE(result.exit_code == 0);
    const fs::path record = out / "rankscope.json";
    return std::pair(result.err,
                     fs::exists(record) && read_json_file(record).contains("base_sample"));
  };
  const auto warned = [](const std::string& text) {
    return text.find("their sum means something only") != std::string::npos;
  };
  auto [told, sampled] = combined();
  CHECK_FALSE(warned(told));
  CHECK(sampled);
  for (const char* path : {"./base/", "/elsewhere/base", "renamed"}) {
    INFO(path);
    name("two", path);
    CHECK_FALSE(warned(combined().first));
  }
  name("two", "base");
  say("two", "rankscope.json", "base_sample", std::string(64, '0'));
  std::tie(told, sampled) = combined();
  CHECK_THAT(told, Catch::Contains("one and ") &&
                       Catch::Contains("two were trained on bases of different weights: their sum "
                                       "means something only"));
  CHECK_FALSE(sampled);
  // PEFT's folders have a name alone.
  fs::remove(folder / "two/rankscope.json");
  name("two", "./base/");
  CHECK_FALSE(warned(combined().first));
  name("two", "other");
  CHECK_THAT(combined().first,
             Catch::Contains("is of the base 'base', ") && Catch::Contains("of 'other'"));
}

TEST_CASE("combine and merge write folders whose names are no UTF-8, and tell of them in JSON") {
  const TemporaryFolder folder;
  const fs::path base = golden_folder("gpt2_tied"), cat = folder / "cat\xff",
                 merged = folder / "merged\xff";
  save_drawn(folder / "adapter", "gpt2_tied", "lora");
  const Json combined =
      json_lines(run_program({"combine", "--adapter", (folder / "adapter").string(), "--type",
                              "cat", "--out", cat.string(), "--json"}))
          .at(0);
  CHECK(combined.at("adapter") == (folder / "cat\xef\xbf\xbd").string());
  const Json made = json_lines(run_with(merge_command(base, cat, merged), {"--json"})).at(0);
  CHECK(made.at("model") == (folder / "merged\xef\xbf\xbd").string());
  CHECK(fs::exists(merged / "model.safetensors"));
}
