// `pretrain` as a user runs it: the base and its record, run again, with other threads, refused.
#include <catch2/catch.hpp>

#include <cstring>

#include "common/half.h"
#include "common/safetensors.h"
#include "datasets/tokenizer/tokenizer.h"
#include "engine/training/token_file.h"
#include "engine/training/trainer.h"
#include "experiments/pretrain/pretrain_file.h"
#include "tests/experiments/pretrain/pretrain_scene.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kBaseNames{"config.json", "model.safetensors", "pretrain.json",
                                          "tokenizer.json", "tokenizer_config.json"};

// Mean nats per target token, as `evaluate` gives them to the last bit.
double nll_of(const fs::path& base, const fs::path& tokens) {
  const std::unique_ptr<Backend> backend = make_cpu_backend(1);
  const std::unique_ptr<Model> model = load_model(base, *backend);
  return evaluate(*model, nullptr, read_token_file(tokens, model->config()), 1 << 20).mean();
}

}  // namespace

TEST_CASE("pretrain makes a base that every command loads, and states its loss") {
  const PretrainScene scene;
  const std::vector<Json> lines = json_lines(scene.run("out", {"--json"}));
  REQUIRE(lines.size() == 22);
  CHECK(lines[9].contains("eval_loss"));
  CHECK(lines[20].at("state") == "done");
  const fs::path base = scene / "out/base";
  CHECK(names_below(base) == kBaseNames);
  const Json record = read_json_file(base / "pretrain.json");
  CHECK(record == lines[21]);

  // Trained: better than all ids alike.
  const double untrained = std::log(record.at("vocabulary").get<double>());
  CHECK(record.at("train_loss").at("nll") < 0.7 * untrained);
  CHECK(record.at("held_out_loss").at("nll") < 0.7 * untrained);
  CHECK(record.at("held_out_loss").at("nll") == nll_of(base, scene / "out/held_out.jsonl"));
  double nll = 0, tokens = 0;
  for (const Json& line :
       json_lines(run_program({"nll", "--json", "--model", base.string(), "--data",
                               (scene / "out/held_out.jsonl").string()}))) {
    nll += line.at("nll").get<double>();
    tokens += line.at("tokens").get<double>();
  }
  CHECK(tokens == record.at("held_out_loss").at("target_tokens"));
  CHECK(nll / tokens == Approx(record.at("held_out_loss").at("nll").get<double>()).epsilon(1e-8));

  CHECK(run_program({"info", base.string()}).exit_code == 0);
  const std::string own = R"({"prompt": "the rank", "target": " of a matrix"})"
                          "\n";
  write_file_atomically(scene / "own.jsonl", own);
  for (const char* command : {"train", "generate"}) {
    std::vector<std::string> words{command,
                                   "--model",
                                   base.string(),
                                   "--task",
                                   "own",
                                   "--data",
                                   (scene / "own.jsonl").string()};
    const std::string option = words[0] == "train" ? "--steps" : "--max-new";
    words.insert(words.end(), {option, "2"});
    const ProgramResult result = run_program(words);
    INFO(result.err);
    CHECK(result.exit_code == 0);
  }
}

TEST_CASE("the record counts what was read, and the held-out documents are the last") {
  const PretrainScene scene;
  REQUIRE(scene.run("out").exit_code == 0);
  const Json record = read_json_file(scene / "out/base/pretrain.json");
  CHECK(record.at("trained").at("documents") == 81);
  CHECK(record.at("held_out").at("documents") == 9);
  CHECK(record.at("vocabulary") == 280);
  CHECK(record.at("documents").at("read") == 90);
  CHECK(record.at("documents").at("files").at(0).at("path") == "documents.jsonl");
  CHECK(record.at("identity").at("training.lr") == "0.01");

  const Tokenizer tokenizer = Tokenizer::load(scene / "out/base");
  CHECK(tokenizer.id_of(kEndToken) == 0);
  std::string read, expected;
  const std::unique_ptr<Backend> backend = make_cpu_backend(1);
  const std::unique_ptr<Model> model = load_model(scene / "out/base", *backend);
  CHECK(model->config().eos_ids == std::vector<std::int64_t>{0});
  for (const TokenExample& example :
       read_token_file(scene / "out/held_out.jsonl", model->config())) {
    read += tokenizer.decode(example.prompt) + tokenizer.decode(example.target);
  }
  const std::vector<std::string> all = small_documents(90);
  for (std::size_t i = 81; i < 90; ++i) expected += all[i] + kEndToken;
  CHECK(read == expected);
}

TEST_CASE("the base's weights are the trained ones, rounded to bf16") {
  const PretrainScene scene;
  REQUIRE(scene.run("out").exit_code == 0);
  const SafetensorsFile trained(scene / "out/training/adapter/model.safetensors");
  const SafetensorsFile base(scene / "out/base/model.safetensors");
  REQUIRE(base.entries().size() == trained.entries().size());
  for (const TensorEntry& entry : trained.entries()) {
    INFO(entry.name);
    const TensorEntry& rounded = base.at(entry.name);
    CHECK(rounded.dtype == DType::kBF16);
    REQUIRE(rounded.shape == entry.shape);
    bool same = true;
    for (std::size_t i = 0; i < static_cast<std::size_t>(entry.elements()); ++i) {
      float value = 0;
      std::uint16_t half = 0;
      std::memcpy(&value, trained.bytes(entry).data() + i * sizeof value, sizeof value);
      std::memcpy(&half, base.bytes(rounded).data() + i * sizeof half, sizeof half);
      same = same && half == float_to_bf16(value);
    }
    CHECK(same);
  }
}

TEST_CASE("two runs, and runs on 1 and 2 threads, give the same losses and the same bytes") {
  const PretrainScene scene;
  REQUIRE(scene.run("once").exit_code == 0);
  REQUIRE(scene.run("again").exit_code == 0);
  REQUIRE(scene.run("threads", {"--threads", "2"}).exit_code == 0);
  const std::vector<std::string> names = names_below(scene / "once");
  for (const char* other : {"again", "threads"}) {
    CHECK(names_below(scene / other) == names);
    for (const std::string& name : names) {
      if (fs::is_directory(scene / "once" / name) ||
          fs::path(name).filename() == "environment.json")
        continue;
      INFO(other << "/" << name);
      CHECK(read_bytes(scene / other / name) == read_bytes(scene / "once" / name));
    }
  }
  REQUIRE(scene.run("seed", {"seed=4"}).exit_code == 0);
  CHECK(read_bytes(scene / "seed/base/model.safetensors") !=
        read_bytes(scene / "once/base/model.safetensors"));
}

TEST_CASE("documents of the embedded world are those of its seed") {
  const PretrainScene scene;
  const auto documents = [&](const std::string& out, const std::string& source) {
    const ProgramResult result = scene.run(out, {"documents=" + source, "training.steps=1"});
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return read_json_file(scene / out / "base/pretrain.json").at("identity").at("documents");
  };
  const Json once = documents("a", "{embedded: 80}");
  CHECK(documents("b", "{embedded: 80, seed: 3}") == once);
  CHECK(documents("c", "{embedded: 80, seed: 4}") != once);
  CHECK(documents("d", "{embedded: 81}") != once);
}

TEST_CASE("a training that diverges makes no base and says so") {
  const PretrainScene scene;
  const ProgramResult result = scene.run("out", {"training.lr=1e18", "training.warmup_ratio=0"});
  CHECK(result.exit_code == 1);
  CHECK_THAT(result.err, Catch::Contains("no base was made"));
  CHECK_FALSE(fs::exists(scene / "out/base"));
  CHECK(scene.run("out", {"training.lr=1e18", "training.warmup_ratio=0"}).exit_code == 1);
}
