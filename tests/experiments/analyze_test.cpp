// `analyze` as a user runs it, against NumPy's answers (make_analysis_goldens.py).
#include <catch2/catch.hpp>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>

#include "common/draws.h"
#include "common/files.h"
#include "common/safetensors.h"
#include "engine/checkpoint/stored_tensor.h"
#include "experiments/analysis/adapter_analysis.h"
#include "experiments/analysis/site_amplification.h"
#include "tests/datasets/test_files.h"
#include "tests/experiments/program.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/temporary_folder.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

const std::string kReference = RANKSCOPE_SOURCE_DIR "/tests/reference/";

Json goldens() { return read_json_file(kReference + "goldens/analysis.json"); }
std::string peft(const std::string& name) { return kReference + "peft/" + name; }

void check_numbers(const Json& actual, const Json& expected) {
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i].is_array()) {
      check_numbers(actual[i], expected[i]);
    } else {
      CHECK(actual[i].get<double>() ==
            Approx(expected[i].get<double>()).epsilon(1e-6).margin(1e-9));
    }
  }
}

}  // namespace

TEST_CASE("analyze spectra gives NumPy's singular values of dW", "[goldens]") {
  const Json all = goldens().at("spectra");
  for (const auto& [name, expected] : all.items()) {
    CAPTURE(name);
    const std::vector<Json> lines =
        json_lines(run_program({"analyze", "spectra", "--adapter", peft(name), "--json"}));
    REQUIRE(lines.size() == expected.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      CHECK(lines[i].at("layer") == expected[i].at("layer"));
      CHECK(lines[i].at("site") == expected[i].at("site"));
      check_numbers(lines[i].at("singular_values"), expected[i].at("singular_values"));
    }
  }
  const std::vector<Json> one =
      json_lines(run_program({"analyze", "spectra", "--adapter", peft("gpt2_c_attn"), "--layer",
                              "1", "--site", "Wk", "--json"}));
  REQUIRE(one.size() == 1);
  CHECK(one[0].at("layer") == 1);
  CHECK(one[0].at("site") == "Wk");
}

TEST_CASE("analyze phi gives NumPy's phi of A, of dW and of its left side", "[goldens]") {
  const Json all = goldens();
  for (const Json& expected : all.at("phi")) {
    for (const std::string of : {"a", "dw", "dw_left"}) {
      CAPTURE(expected.at("adapter"), of);
      const std::string adapter = peft(expected.at("adapter"));
      const std::vector<Json> lines = json_lines(
          run_program({"analyze", "phi", "--adapter", adapter, "--other", adapter, "--site",
                       expected.at("site"), "--layer", expected.at("layer").dump(), "--other-layer",
                       expected.at("other_layer").dump(), "--of", of, "--json"}));
      REQUIRE(lines.size() == 1);
      check_numbers(lines[0].at("phi"), expected.at(of));
      const double dimension = lines[0].at("dimension");
      for (std::size_t i = 0; i < lines[0].at("chance").size(); ++i)
        for (std::size_t j = 0; j < lines[0].at("chance")[i].size(); ++j)
          CHECK(lines[0].at("chance")[i][j] == static_cast<double>(std::max(i, j) + 1) / dimension);
    }
  }
}

TEST_CASE("analyze amplification gives NumPy's Table 7", "[goldens]") {
  const std::map<std::string, std::string> bases = {{"gpt2_c_attn", "gpt2_tied"},
                                                    {"llama_rslora", "llama_gqa"}};
  const Json all = goldens().at("amplification");
  for (const auto& [name, expected] : all.items()) {
    CAPTURE(name);
    const std::vector<Json> lines =
        json_lines(run_program({"analyze", "amplification", "--adapter", peft(name), "--model",
                                kReference + "goldens/" + bases.at(name), "--json"}));
    REQUIRE(lines.size() == expected.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      CAPTURE(expected[i].at("layer"), expected[i].at("site"));
      for (const auto& [key, value] : expected[i].items()) {
        CAPTURE(key);
        if (value.is_number_float()) {
          CHECK(lines[i].at(key).get<double>() == Approx(value.get<double>()).epsilon(1e-5));
        } else {
          CHECK(lines[i].at(key) == value);
        }
      }
    }
  }
}

TEST_CASE("the amplification of an update's first directions needs a gap behind them") {
  std::vector<float> values(12);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 5) - 1.5f;
  const WeightRows weight(values, 3, 4);
  const WeightFacts facts = weight_facts(weight, 2, 0);
  Singular update{RealMatrix::Identity(3, 2), RealVector(2), RealMatrix::Identity(4, 2)};
  update.values << 2, 1;
  SiteFactors factors;
  factors.scale = 1;
  for (const double behind : {0.0, 0.5})
    CHECK(site_amplification(weight, facts, update, factors, behind).amplification > 0);
  const SiteAmplification equal = site_amplification(weight, facts, update, factors, 1 - 1e-6);
  CHECK_FALSE(equal.amplification);
  CHECK_FALSE(equal.projected);
  CHECK_FALSE(equal.relative);
  CHECK_THAT(equal.undefined.at(0), Catch::Contains("singular values 2 and 3"));
}

TEST_CASE("combine's help says how several weights are given, and it takes them so") {
  const std::string help = run_program({"combine", "--help"}).out;
  const std::size_t weight = help.find("--weight"), type = help.find("--type");
  REQUIRE(weight < type);
  CHECK_THAT(help.substr(weight, type - weight), Catch::Contains("may be repeated"));
  const TemporaryFolder folder;
  const std::string adapter = peft("llama_rslora"), out = (folder / "out").string();
  const std::vector<std::string> combine = {"combine", "--adapter", adapter, "--adapter", adapter,
                                            "--type",  "cat",       "--out", out};
  CHECK(run_with(combine, {"--weight", "1"}).exit_code == 2);
  CHECK(run_with(combine, {"--weight", "0.5", "--weight", "-1"}).exit_code == 0);
}

TEST_CASE("directions that an update of lower rank than its factors does not have count nowhere") {
  const TemporaryFolder folder;
  const std::string adapter = peft("llama_rslora"), base = kReference + "goldens/llama_gqa";
  const std::string twice = (folder / "twice").string();
  REQUIRE(run_program({"combine", "--adapter", adapter, "--adapter", adapter, "--type", "cat",
                       "--out", twice})
              .exit_code == 0);
  const auto amplification = [&](const std::string& of) {
    return json_lines(
        run_program({"analyze", "amplification", "--adapter", of, "--model", base, "--json"}));
  };
  const std::vector<Json> once = amplification(adapter), doubled = amplification(twice);
  REQUIRE(once.size() == doubled.size());
  for (std::size_t i = 0; i < once.size(); ++i) {
    const int rank = once[i].at("rank");
    CHECK(once[i].at("projected") > 0);
    CHECK(doubled[i].at("update_norm").get<double>() ==
          Approx(2 * once[i].at("update_norm").get<double>()));
    for (const char* key : {"projected", "amplification", "relative", "unscaled_amplification"})
      CHECK(doubled[i].at(key).is_null());
    CHECK_THAT(doubled[i].at("undefined").dump(),
               Catch::Contains("the update is of rank " + std::to_string(rank) + ": of the " +
                               std::to_string(2 * rank) + " directions"));
  }
}

TEST_CASE("an alpha below 0 turns the update and no norm, and one of 0 leaves nothing to say") {
  const TemporaryFolder folder;
  const std::string base = kReference + "goldens/llama_gqa";
  const std::filesystem::path adapter = folder / "adapter";
  std::filesystem::copy(peft("llama_q_v"), adapter);
  const Json config = read_json_file(adapter / "adapter_config.json");
  const auto amplification = [&](double factor) {
    Json changed = config;
    changed["lora_alpha"] = factor * config.at("lora_alpha").get<double>();
    write_file_atomically(adapter / "adapter_config.json", changed.dump());
    return json_lines(run_program(
        {"analyze", "amplification", "--adapter", adapter.string(), "--model", base, "--json"}));
  };
  const std::vector<Json> plain = amplification(1), turned = amplification(-1),
                          none = amplification(0);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    for (const char* key : {"update_norm", "unscaled_update_norm", "unscaled_amplification"}) {
      INFO(key);
      CHECK(plain[i].at(key).get<double>() > 0);
      CHECK(turned.at(i).at(key).get<double>() == Approx(plain[i].at(key).get<double>()));
    }
    CHECK(none.at(i).at("unscaled_update_norm").is_null());
    CHECK(none[i].at("undefined").at(0) == "the update is zero: its scale is, by an alpha of 0");
  }
  CHECK(json_lines(run_program({"analyze", "spectra", "--adapter", adapter.string(), "--json"}))
            .at(0)
            .at("undefined") ==
        Json::array({"the update is zero: its scale is, by an alpha of 0"}));
}

TEST_CASE("an untrained adapter has no spectrum to speak of, and says so") {
  const TemporaryFolder folder;
  const std::string base = kReference + "goldens/gpt2_tied";
  const ProgramResult trained = run_program(
      {"train", "--model", base, "--data", base + "/batch.jsonl", "--method", "lora", "--set",
       "rank=2", "--steps", "1", "--set", "lr=0", "--out", (folder / "out").string()});
  INFO(trained.err);
  REQUIRE(trained.exit_code == 0);
  const std::string adapter = (folder / "out/adapter").string();
  for (const Json& line :
       json_lines(run_program({"analyze", "spectra", "--adapter", adapter, "--json"}))) {
    CHECK(line.at("effective_rank").is_null());
    CHECK(line.at("undefined") ==
          Json::array({"the update is zero: B has not moved from its start"}));
  }
  const std::vector<Json> phi =
      json_lines(run_program({"analyze", "phi", "--adapter", adapter, "--other", adapter, "--layer",
                              "0", "--site", "Wq", "--of", "dw", "--json"}));
  CHECK(phi.at(0).at("phi") == Json::array({{nullptr, nullptr}, {nullptr, nullptr}}));
  CHECK(phi.at(0).at("undefined").size() == 4);
  for (const Json& line : json_lines(run_program(
           {"analyze", "amplification", "--adapter", adapter, "--model", base, "--json"}))) {
    CHECK(line.at("amplification").is_null());
    CHECK(line.at("projected").is_null());
    CHECK(line.at("update_norm") == 0.0);
  }
}

TEST_CASE("analyze refuses what cannot be compared, and names what is there") {
  check_refused(
      run_program({"analyze", "spectra", "--adapter", peft("gpt2_c_attn"), "--layer", "9"}),
      "layer 9");
  check_refused(
      run_program({"analyze", "spectra", "--adapter", peft("gpt2_c_attn"), "--site", "Wo"}), "Wq");
  check_refused(run_program({"analyze", "spectra", "--adapter", "/nowhere"}), "/nowhere");
  check_refused(run_program({"analyze", "phi", "--adapter", peft("gpt2_c_attn"), "--other",
                             peft("llama_rslora"), "--layer", "0", "--site", "Wq"}),
                "different spaces");
  check_refused(run_program({"analyze", "amplification", "--adapter", peft("gpt2_c_attn"),
                             "--model", kReference + "goldens/llama_gqa"}),
                "the base that the adapter was trained on");
}

TEST_CASE("a seed is a whole number that is taken as it stands") {
  for (const std::string seed : {"-1", "18446744073709551616", "0x10", "+5"}) {
    check_refused(run_program({"world", "--documents", "1", "--seed", seed}),
                  "--seed: must be a whole number");
    check_refused(
        run_program({"analyze", "phi", "--adapter", peft("gpt2_c_attn"), "--other",
                     peft("gpt2_c_attn"), "--layer", "0", "--site", "Wq", "--seed", seed}),
        "--seed: must be a whole number");
  }
}

TEST_CASE("values that are not finite are refused, and named") {
  const TemporaryFolder folder;
  const std::filesystem::path adapter = folder / "adapter";
  std::filesystem::copy(peft("gpt2_c_attn"), adapter, std::filesystem::copy_options::recursive);
  const std::string base = kReference + "goldens/gpt2_tied", data = base + "/batch.jsonl";
  std::string bytes = read_bytes(adapter / "adapter_model.safetensors");
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    std::memcpy(bytes.data() + bytes.size() - sizeof value, &value, sizeof value);
    write_file_atomically(adapter / "adapter_model.safetensors", bytes);
    const std::string expected = "that are infinite or not a number";
    const std::string path = adapter.string();
    check_refused(run_program({"analyze", "spectra", "--adapter", path}), expected);
    check_refused(run_program({"analyze", "spectra", "--adapter", path, "--json"}), expected);
    check_refused(run_program({"analyze", "phi", "--adapter", path, "--other", path, "--layer", "1",
                               "--site", "Wv", "--of", "dw"}),
                  expected);
    check_refused(run_program({"analyze", "amplification", "--adapter", path, "--model", base}),
                  expected);
    check_refused(
        run_program({"nll", "--json", "--model", base, "--adapter", path, "--data", data}),
        "is not finite; check the values in '" + path);
  }
}

namespace {

// What a test expects of all matrices of a tuned model: the sum of squared differences to its base.
double squared_difference(const std::string& tuned, const std::string& base) {
  const SafetensorsFile one(tuned + "/model.safetensors"), other(base + "/model.safetensors");
  double sum = 0;
  for (const TensorEntry& entry : other.entries()) {
    const bool matrix = entry.name.ends_with("_attn.weight") ||
                        entry.name.ends_with("_proj.weight") || entry.name.ends_with("c_fc.weight");
    if (!matrix) continue;
    const std::vector<float> before = stored_values(other, entry),
                             after = stored_values(one, one.at(entry.name));
    for (std::size_t i = 0; i < before.size(); ++i) sum += std::pow(after[i] - before[i], 2);
  }
  return sum;
}

}  // namespace

TEST_CASE("a fully fine-tuned model is analysed against its base") {
  SmallSweep& sweep = shared_sweep();
  const std::string out = sweep.out("undisturbed").string(), base = sweep.model().path();
  const std::string tuned = train_folder(out, trial_of(out, "best", "write")) / "adapter";
  const std::vector<Json> spectra = json_lines(
      run_program({"analyze", "spectra", "--adapter", tuned, "--model", base, "--json"}));
  double squares = 0;
  for (const Json& line : spectra) {
    squares += std::pow(line.at("frobenius").get<double>(), 2);
    // Of Wv, which is wide, and of the others.
    CHECK(line.at("rank") == line.at("singular_values").size());
  }
  CHECK(squares > 0);
  CHECK(squares == Approx(squared_difference(tuned, base)).epsilon(1e-5));

  const Json phi = json_lines(run_program({"analyze", "phi", "--adapter", tuned, "--other", tuned,
                                           "--model", base, "--of", "dw", "--layer", "0", "--site",
                                           "Wq", "--top", "3", "--json"}))
                       .at(0)
                       .at("phi");
  REQUIRE(phi.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(phi[i][i].get<double>() == Approx(1));
  const Json table7 =
      json_lines(run_program({"analyze", "amplification", "--adapter", tuned, "--model", base,
                              "--layer", "0", "--site", "Wq", "--top", "2", "--json"}))
          .at(0);
  const std::vector<double> values = spectra.at(0).at("singular_values");
  CHECK(table7.at("update_norm").get<double>() == Approx(std::hypot(values[0], values[1])));
  CHECK(table7.at("projected").get<double>() <=
        table7.at("projected_weight").get<double>() * (1 + 1e-9));

  check_refused(run_program({"analyze", "spectra", "--adapter", tuned}), "with --model");
  check_refused(run_program({"analyze", "phi", "--adapter", tuned, "--other", tuned, "--model",
                             base, "--layer", "0", "--site", "Wq"}),
                "--of dw");
}

TEST_CASE("a matrix that a fine-tuned model shares with its base is said to be the base's") {
  const std::string base = kReference + "goldens/gpt2_tied";
  const Json expected = Json::array({"the update is zero: the matrix is that of the base"});
  const std::vector<Json> spectra = json_lines(run_program(
      {"analyze", "spectra", "--adapter", base, "--model", base, "--layer", "0", "--json"}));
  CHECK(spectra.size() == 6);
  for (const Json& line : spectra) CHECK(line.at("undefined") == expected);
  for (const Json& line :
       json_lines(run_program({"analyze", "amplification", "--adapter", base, "--model", base,
                               "--layer", "0", "--site", "Wq", "--json"})))
    CHECK(line.at("undefined") == expected);
}

TEST_CASE("what is no low-rank update is refused by its method's name, with the way round") {
  const ModelFolder model("gpt2_tied");
  const TemporaryFolder folder;
  write_file_atomically(folder / "d.jsonl", R"({"prompt_ids": [1, 2], "target_ids": [3]})"
                                            "\n");
  for (const std::string method : {"ft_top2", "adapter_h", "lora+bitfit", "none"}) {
    const std::string out = (folder / method).string();
    REQUIRE(run_program({"train", "--model", model.path().string(), "--data",
                         (folder / "d.jsonl").string(), "--method", method, "--steps", "1", "--out",
                         out})
                .exit_code == 0);
    const std::string expected =
        "holds what " + method +
        " trained, which is no low-rank update; `combine` takes LoRA adapters alone, and "
        "`analyze`, where `merge --dtype f32` can make a model of this and its base, that model";
    check_refused(run_program({"analyze", "spectra", "--adapter", out + "/adapter"}), expected);
    const std::vector<std::string> combine = {"combine", "--type", "cat", "--out",
                                              (folder / "sum").string()};
    check_refused(run_with(combine, {"--adapter", out + "/adapter"}), expected);
    // The folder around it is no adapter.
    const std::string neither = "adapter folder '" + out +
                                "' has neither rankscope.json nor adapter_config.json; give a "
                                "folder that 'train' or PEFT wrote";
    check_refused(run_program({"analyze", "spectra", "--adapter", out}), neither);
    check_refused(run_with(combine, {"--adapter", out}), neither);
  }
}

TEST_CASE("a head that PEFT saved beside the factors is passed over") {
  const TemporaryFolder folder;
  const std::string name = "roberta_classifier";
  std::filesystem::create_directories(folder / name);
  std::vector<float> a(2 * 6, 0.5f), b(6 * 2, 0.25f), head(3 * 6, 1.0f);
  a[3] = -1;
  b[1] = 2;
  const std::string module = "base_model.model.roberta.encoder.layer.1.attention.self.query.";
  write_safetensors(
      folder / name / "adapter_model.safetensors",
      {{module + "lora_A.weight", DType::kF32, {2, 6}, a.data()},
       {module + "lora_B.weight", DType::kF32, {6, 2}, b.data()},
       {"base_model.model.classifier.out_proj.weight", DType::kF32, {3, 6}, head.data()}});
  const auto config = [&](const Json& saved) {
    put(folder / name / "adapter_config.json", Json{{"peft_type", "LORA"},
                                                    {"r", 2},
                                                    {"lora_alpha", 4},
                                                    {"target_modules", {"query"}},
                                                    {"modules_to_save", saved}}
                                                   .dump());
  };
  config({"classifier"});
  const std::vector<Json> lines = json_lines(
      run_program({"analyze", "spectra", "--adapter", (folder / name).string(), "--json"}));
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("site") == "Wq");
  CHECK(lines[0].at("layer") == 1);
  CHECK(lines[0].at("scale") == 2);
  // An embedding that save_embedding_layers adds is named nowhere.
  config(nullptr);
  CHECK(json_lines(run_program(
            {"analyze", "spectra", "--adapter", (folder / name).string(), "--json"})) == lines);
}

TEST_CASE("the band of chance is drawn where it is shown, and of 160 directions at most") {
  const auto random_a = [](std::int64_t rank, std::uint64_t seed) {
    constexpr std::int64_t kIn = 200;
    SiteFactors factors{
        .layer = 0, .site = "Wq", .rank = rank, .in = kIn, .out = kIn, .a = {}, .b = {}};
    factors.a.resize(static_cast<std::size_t>(rank * kIn));
    Draws(seed, "planted", "a").fill_normal(factors.a);
    return factors;
  };
  const auto phi = [&](std::int64_t rank, std::optional<std::uint64_t> band_seed) {
    return phi_json(random_a(rank, 1), random_a(2, 2), Directions::kA, band_seed);
  };
  CHECK(phi(2, 0).at("chance_low").size() == 2);
  CHECK(phi(2, std::nullopt).at("chance_low").is_null());
  const OrderedJson large = phi(161, 0);
  CHECK(large.at("chance_low").is_null());
  CHECK(large.at("chance_high").is_null());
  CHECK(large.at("phi").size() == 161);
  CHECK(large.at("chance").size() == 161);
}
