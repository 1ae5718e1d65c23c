// Devices and precisions of a sweep: what they name, what they are refused for, and trials that are
// begun on one device and ended on another.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>
#include <functional>

#include "common/files.h"
#include "engine/backend/devices.h"
#include "experiments/sweep/trial.h"
#include "tests/experiments/bad_input.h"
#include "tests/experiments/sweep/small_sweep.h"
#include "tests/experiments/sweep/sweep_folder.h"
#include "tests/experiments/trials/trial_here.h"
#include "tests/skip.h"

using namespace rankscope;
using namespace rankscope::tests;

namespace {

namespace fs = std::filesystem;

const std::string kHead = "base: model\ntasks: {own: {data: data}}\nmethod: lora\nsteps: 1\n";
const char* const kOtherDevice = "NVIDIA H100 80GB HBM3, CUDA 13.0, fp32";
// Trials that are stopped behind a step, and their steps.
const char* const kStoppedGroup = "groups=[{name: stopped, method: lora, steps: 40, tasks: write}]";
constexpr int kStoppedAt = 15;

std::vector<Trial> named(const fs::path& file, const std::vector<std::string>& overrides = {}) {
  FileHashes hashes;
  return name_trials(read_sweep(file, overrides), hashes);
}

std::vector<std::string> ids(const std::vector<Trial>& trials) {
  std::vector<std::string> all;
  for (const Trial& trial : trials) all.push_back(trial.id());
  return all;
}

// As if an evaluation had stopped behind its first prediction, which is `text`.
void begin_predictions(const fs::path& folder, const char* text) {
  fs::remove(folder / "done.json");
  const std::string lines = read_bytes(folder / "predictions.jsonl");
  Json line = Json::parse(lines.substr(0, lines.find('\n')));
  line["prediction"] = text;
  write_file_atomically(folder / "predictions.jsonl", line.dump() + "\n");
}

// As if another device had written the file.
void put_on_other_device(const fs::path& file) {
  Json json = read_json_file(file);
  Json& machine = json.contains("identity") ? json["identity"] : json;
  machine["backend"] = "cuda";
  machine["instruction_set"] = kOtherDevice;
  json.erase("check");
  write_file_atomically(file, json.dump(1) + "\n");
}

// Another identity in a resume point.
void change_state(const fs::path& file, const std::function<void(Json& metadata)>& change) {
  const std::string bytes = read_bytes(file);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  Json header = Json::parse(bytes.substr(8, length));
  change(header["__metadata__"]);
  write_file_atomically(file, safetensors_bytes(header.dump(), bytes.substr(8 + length)));
}

}  // namespace

TEST_CASE("precision and device are keys of the file, each of a few words") {
  const SweepFolder folder;
  const Sweep plain = folder.read(kHead);
  CHECK(plain.precision == "fp32");
  CHECK(plain.device.empty());
  const Sweep sweep = folder.read(kHead + "precision: bf16\ndevice: cuda:1\n");
  CHECK(sweep.device == "cuda:1");
  REQUIRE(sweep.trials.size() == 2);
  for (const TrialConfig& trial : sweep.trials) CHECK(trial.precision == "bf16");
  CHECK(folder.read(kHead, {"device=auto"}).device == "auto");

  CHECK_THAT(folder.refusal(kHead + "precision: fp16\n"),
             Catch::StartsWith("s.yaml:5: 'precision': ") && Catch::Contains("bf16"));
  CHECK(folder.refusal(kHead + "device: gpu\n") ==
        "s.yaml:5: 'device': must be cpu, cuda, cuda:N or auto, not 'gpu'");
  CHECK_THAT(folder.refusal(kHead + "device: cuda:-1\n"), Catch::Contains("must be cpu, cuda"));
  CHECK_THAT(folder.refusal(kHead + "training: {precision: bf16}\n"),
             Catch::Contains("'training.precision': there is no such key"));
  CHECK_THAT(folder.refusal(kHead + "presicion: bf16\n"),
             Catch::Contains("did you mean 'precision'?"));
}

TEST_CASE("fp32 and the device are in no name; bf16 is in those of training and evaluation") {
  const SmallSweep sweep;
  const std::vector<Trial> plain = named(sweep.file());
  for (const Trial& trial : plain) {
    CHECK_FALSE(trial.train.contains("precision"));
    CHECK_FALSE(trial.eval.contains("precision"));
    CHECK_FALSE(trial_json(trial).at("config").contains("precision"));
  }
  CHECK(ids(named(sweep.file(), {"precision=fp32"})) == ids(plain));
  CHECK(ids(named(sweep.file(), {"device=cuda:3"})) == ids(plain));

  const std::vector<Trial> narrow = named(sweep.file(), {"precision=bf16"});
  REQUIRE(narrow.size() == plain.size());
  for (std::size_t i = 0; i < narrow.size(); ++i) {
    const Trial &trial = narrow[i], &before = plain[i];
    INFO(trial.config.group << " " << trial.config.role);
    CHECK(trial.id() != before.id());
    CHECK(trial.eval.at("precision") == "bf16");
    // The base learns nothing: its two precisions are two evaluations of one training.
    IdentityKeys keys = before.train;
    if (trial.trains()) keys["precision"] = "bf16";
    CHECK(trial.train == keys);
    const Trial again = trial_from_json(Json::parse(trial_json(trial).dump()), "sweep.json");
    CHECK(again.config.precision == "bf16");
    CHECK(again.id() == trial.id());
  }
}

TEST_CASE("a sweep that no device here can compute is refused before anything is made") {
  const SmallSweep sweep;
  const auto refuse = [&](const std::vector<std::string>& words, const std::string& expected) {
    for (const std::vector<std::string>& more : {words, {"--dry-run"}}) {
      std::vector<std::string> all = words;
      if (more != words) all.insert(all.end(), more.begin(), more.end());
      check_refused(sweep.run("refused", all), expected);
      CHECK_FALSE(fs::exists(sweep.out("refused")));
    }
  };
  refuse({"precision=bf16", "--device", "cpu"}, "precision: bf16 needs a GPU");
  refuse({"--device", "gpu"}, "device: 'gpu' is none of cpu, cuda, cuda:N, auto");
  if (!gpus().empty()) RANKSCOPE_SKIP("a GPU is here");
  const std::string why = cuda_compiled() ? why_no_gpu() : "built without CUDA";
  refuse({"precision=bf16"}, "precision: bf16 needs a GPU");
  refuse({"--device", "cuda"}, why);
  refuse({"device=cuda:0"}, why);
  // --device replaces what the file says, and nothing is said of GPUs that are not there.
  const ProgramResult result =
      sweep.run("refused", {"device=cuda", "--device", "cpu", "--dry-run"});
  CHECK(result.exit_code == 0);
  CHECK(sweep.run("refused", {"--dry-run"}).err.find("GPU") == std::string::npos);
}

TEST_CASE("what another device finished counts, and is scored here") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("elsewhere");
  const fs::path out = sweep.out("elsewhere"), expected = sweep.out("undisturbed");
  for (const auto& entry : fs::recursive_directory_iterator(out / "trials")) {
    const std::string name = entry.path().filename().string();
    const bool training =
        name == "done.json" && fs::exists(entry.path().parent_path() / "trial.json");
    if (training || name == "environment.json") put_on_other_device(entry.path());
  }
  const Json trial = trial_of(out, "best", "write");
  fs::remove_all(eval_folder(out, trial));
  const auto adapters = adapter_times(out);
  const Json end = json_lines(sweep.run("elsewhere", {"--json"})).back();
  CHECK(end.at("done") == 1);
  CHECK(end.at("already_done") == SmallSweep::kTrials - 1);
  CHECK(adapter_times(out) == adapters);
  CHECK(read_bytes(eval_folder(out, trial) / "predictions.jsonl") ==
        read_bytes(eval_folder(expected, trial) / "predictions.jsonl"));
  // Both devices stand beside its scores, and the report does not call them one.
  const ProgramResult devices =
      run_program({"query", out.string(),
                   "SELECT key, value FROM environment WHERE key LIKE '%backend' AND trial = '" +
                       trial.at("id").get<std::string>() + "' ORDER BY key",
                   "--format", "csv"});
  CHECK(devices.out == "key,value\r\nbackend,cpu\r\ntrain_backend,cuda\r\n");
}

TEST_CASE("predictions that another device began are all made anew") {
  SmallSweep& sweep = shared_sweep();
  copy_undisturbed("half elsewhere");
  const fs::path out = sweep.out("half elsewhere");
  const fs::path folder = eval_folder(out, trial_of(out, "base", "write"));
  begin_predictions(folder, "another device's");
  put_on_other_device(folder / "environment.json");
  sweep.finish("half elsewhere");
  check_results(out, sweep.out("undisturbed"));
}

TEST_CASE("predictions of another adapter, or of nobody knows what, are made anew") {
  SmallSweep& sweep = shared_sweep();
  const auto put_adapter = [](const fs::path& file, const char* hash) {
    Json json = read_json_file(file);
    REQUIRE(json.at("adapter").erase("weights_sha256") == 1);
    if (hash == nullptr)
      json.erase("adapter");
    else
      json["adapter"]["weights_sha256"] = hash;
    json.erase("check");
    write_file_atomically(file, json.dump(1) + "\n");
  };
  const std::function<void(const fs::path&)> damages[] = {
      [&](const fs::path& file) { put_adapter(file, "of another training"); },
      [&](const fs::path& file) { put_adapter(file, nullptr); },  // an older program's
      [](const fs::path& file) { fs::remove(file); },
      [](const fs::path& file) { write_file_atomically(file, "["); }};
  for (const auto& damage : damages) {
    copy_undisturbed("others");
    const fs::path out = sweep.out("others");
    const fs::path folder = eval_folder(out, trial_of(out, "tuned", "write"));
    const fs::path finished = eval_folder(out, trial_of(out, "best", "write"));
    begin_predictions(folder, "another adapter's");
    for (const fs::path& one : {folder, finished}) damage(one / "environment.json");
    // What is finished counts, whatever made it.
    const Json end = json_lines(sweep.run("others", {"--json"})).back();
    CHECK(end.at("done") == 1);
    CHECK(end.at("already_done") == SmallSweep::kTrials - 1);
    check_results(out, sweep.out("undisturbed"));
  }
}

TEST_CASE("a training that another device or other libraries began starts over") {
  SmallSweep sweep;
  sweep.finish("whole", {kStoppedGroup});
  const fs::path out = sweep.out("begun");
  sweep.finish("begun", {kStoppedGroup});
  const Json trial = trial_of(out, "stopped", "write");
  const std::vector<std::string> words = {"trial", out.string(), trial.at("id"), "--threads", "1"};
  const auto begin = [&](const std::function<void(Json & metadata)>& change) {
    fs::remove_all(out / "trials");
    stop_training(out, trial, kStoppedAt);
    change_state(train_folder(out, trial) / "state.safetensors", change);
  };
  begin([](Json& metadata) {
    metadata["identity.backend"] = "cuda";
    metadata["identity.instruction_set"] = kOtherDevice;
  });
  sweep.finish("begun", {kStoppedGroup});
  check_results(out, sweep.out("whole"));
  const std::pair<std::function<void(Json&)>, bool> libraries[] = {
      {[](Json& metadata) { metadata["identity.libraries"] = "oneDNN 0.0.1"; }, true},
      // An older program's does not say which.
      {[](Json& metadata) { REQUIRE(metadata.erase("identity.libraries") == 1); }, false}};
  for (const auto& [change, over] : libraries) {
    begin(change);
    const ProgramResult result = run_program(words);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    CHECK((result.err.find("the training starts over") != std::string::npos) == over);
    sweep.finish("begun", {kStoppedGroup});
    check_results(out, sweep.out("whole"));
  }
}

TEST_CASE("a sweep on the GPUs: planned, run in both precisions, and then finished", "[gpu]") {
  if (usable_gpus(gpus()).empty()) RANKSCOPE_SKIP("no GPU");
  const SmallSweep sweep;
  CHECK_THAT(sweep.run("gpu", {"--dry-run"}).err,
             Catch::Contains("a GPU is here: --device cuda uses it"));
  for (const Json& line : json_lines(sweep.run("gpu", {"--dry-run", "--device", "cuda", "--json"})))
    CHECK(line.at("gpu_memory").at("fits") == true);
  for (const std::string precision : {"fp32", "bf16"}) {
    const std::vector<std::string> words = {"--device", "cuda", "precision=" + precision, "--json"};
    CHECK(json_lines(sweep.run(precision, words)).back().at("failed") == 0);
    CHECK(json_lines(sweep.run(precision, words)).back().at("already_done") == SmallSweep::kTrials);
    const fs::path out = sweep.out(precision);
    const Json environment =
        read_json_file(eval_folder(out, trial_of(out, "base", "pick")) / "environment.json");
    CHECK(environment.at("backend") == "cuda");
    CHECK_THAT(environment.at("instruction_set").get<std::string>(), Catch::EndsWith(precision));
  }
}
