// The resume point: state.safetensors, described in experiments/FORMAT.md. Tensors
// "parameter.<name>", "first_moment.<name>", "second_moment.<name>" in fp32; metadata "step" and
// the identity of the run, "identity.<key>".
#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

#include "common/error.h"
#include "common/safetensors.h"
#include "common/text.h"
#include "engine/training/trainer.h"

namespace rankscope {

namespace {

constexpr std::string_view kIdentity = "identity.";

// What is saved of each parameter.
struct Part {
  std::string name;
  Tensor tensor;
};

std::vector<Part> parts_of(AdamW& optimizer, Adaptation& adaptation) {
  std::vector<Part> parts;
  for (const Parameter* p : adaptation.state()) parts.push_back({"state." + p->name, p->value});
  for (size_t i = 0; i < optimizer.parameters().size(); ++i) {
    const Parameter& p = *optimizer.parameters()[i].parameter;
    parts.push_back({"parameter." + p.name, p.value});
    parts.push_back({"first_moment." + p.name, optimizer.first_moment(i)});
    parts.push_back({"second_moment." + p.name, optimizer.second_moment(i)});
  }
  return parts;
}

void check_identity(const std::string& file, const std::map<std::string, std::string>& metadata,
                    const Trainer::Identity& identity) {
  Trainer::Identity saved;
  for (const auto& [key, value] : metadata)
    if (key.starts_with(kIdentity)) saved[key.substr(kIdentity.size())] = value;
  if (const std::string difference = identity_difference(saved, identity); !difference.empty())
    throw InputError(file + ": this resume point is of another run: " + difference +
                     "; use another --out folder, or remove this one");
}

}  // namespace

std::string identity_difference(const Trainer::Identity& saved, const Trainer::Identity& now) {
  std::set<std::string> keys;
  for (const Trainer::Identity* identity : {&saved, &now})
    for (const auto& [key, value] : *identity) keys.insert(key);
  const auto value_in = [](const Trainer::Identity& identity, const std::string& key) {
    const auto found = identity.find(key);
    return found == identity.end() ? "(absent)" : found->second;
  };
  std::vector<std::string> differing;
  for (const std::string& key : keys)
    if (value_in(saved, key) != value_in(now, key)) differing.push_back(key);
  if (differing.empty()) return "";
  // Where alpha is not given it follows the rank, which then differs too and was given.
  const auto given = std::ranges::find_if(
      differing, [](const std::string& key) { return !key.ends_with(".alpha"); });
  const std::string& key = given == differing.end() ? differing.front() : *given;
  return printable(key) + " was " + printable(value_in(saved, key)) + " and is now " +
         printable(value_in(now, key));
}

void Trainer::save_state(const std::filesystem::path& file, const Identity& identity) {
  const std::vector<Part> parts = parts_of(optimizer_, adaptation_);
  std::vector<std::vector<float>> values;  // where write_safetensors reads them
  std::vector<TensorToWrite> tensors;
  for (const Part& part : parts) {
    tensors.push_back({part.name,
                       DType::kF32,
                       {part.tensor.rows(), part.tensor.cols()},
                       model_.backend().host_values(part.tensor, values)});
  }
  std::map<std::string, std::string> metadata{{"format", "rankscope resume point"},
                                              {"step", std::to_string(step_)}};
  for (const auto& [key, value] : identity) metadata[std::string(kIdentity) + key] = value;
  write_safetensors(file, std::move(tensors), metadata);
}

void Trainer::load_state(const std::filesystem::path& file, const Identity& identity) {
  const SafetensorsFile state(file);
  check_identity(printable_path(file), state.metadata(), identity);
  const auto step_text = state.metadata().find("step");
  int64_t step = -1;
  if (step_text != state.metadata().end()) {
    const std::string& text = step_text->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
    if (error != std::errc() || end != text.data() + text.size()) step = -1;
  }
  if (step < 0 || step > settings_.steps)
    throw InputError(printable_path(file) +
                     ": metadata 'step' is not a step of this run; remove the file "
                     "to start over");
  const std::vector<Part> parts = parts_of(optimizer_, adaptation_);
  for (const Part& part : parts) {
    const TensorEntry& entry = state.at(part.name);
    if (entry.dtype != DType::kF32 ||
        entry.shape != std::vector<int64_t>{part.tensor.rows(), part.tensor.cols()})
      throw InputError(
          printable_path(file) + ": tensor '" + part.name +
          "' has another type or shape than this run's; remove the file to start over");
  }
  // Everything fits; only now is anything overwritten.
  for (const Part& part : parts) {
    const auto bytes = state.bytes(state.at(part.name));
    std::vector<float> values(static_cast<size_t>(part.tensor.size()));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    model_.backend().upload(values.data(), part.tensor.matrix());
  }
  step_ = step;
  adaptation_.refresh(model_);
}

}  // namespace rankscope
