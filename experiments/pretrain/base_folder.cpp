#include "experiments/pretrain/base_folder.h"

#include <cstring>
#include <vector>

#include "common/error.h"
#include "common/files.h"
#include "common/half.h"
#include "common/safetensors.h"
#include "experiments/pretrain/pretrain_file.h"

namespace rankscope {
namespace {

namespace fs = std::filesystem;

std::vector<std::uint16_t> rounded(const SafetensorsFile& file, const TensorEntry& entry) {
  if (entry.dtype != DType::kF32) {
    throw InputError(file.source_name() + ": tensor '" + entry.name +
                     "' is not fp32; remove the folder 'training' to train anew");
  }
  const auto bytes = file.bytes(entry);
  std::vector<std::uint16_t> values(static_cast<std::size_t>(entry.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    float value = 0;
    std::memcpy(&value, bytes.data() + i * sizeof value, sizeof value);
    values[i] = float_to_bf16(value);
  }
  return values;
}

void write_weights(const fs::path& trained, const fs::path& made) {
  const SafetensorsFile file(trained);
  std::vector<std::vector<std::uint16_t>> values;
  std::vector<TensorToWrite> tensors;
  for (const TensorEntry& entry : file.entries()) {
    values.push_back(rounded(file, entry));
    tensors.push_back({entry.name, DType::kBF16, entry.shape, values.back().data()});
    file.drop_pages(entry);
  }
  write_safetensors(made / "model.safetensors", std::move(tensors), {{"format", "pt"}});
}

// Without it AutoTokenizer takes the class of the model_type, which splits text by GPT-2's pattern
// whatever tokenizer.json says.
OrderedJson tokenizer_config(std::int64_t positions) {
  return {{"tokenizer_class", "PreTrainedTokenizerFast"},
          {"bos_token", kEndToken},
          {"eos_token", kEndToken},
          {"model_max_length", positions},
          {"clean_up_tokenization_spaces", false}};
}

}  // namespace

void write_base(const fs::path& folder, const BaseParts& parts,
                const std::function<OrderedJson(const fs::path& made)>& record_of) {
  FolderTransaction transaction(folder, FolderTransaction::Existing::kRefuse);
  const fs::path& made = transaction.path();
  write_file_atomically(made / "config.json", parts.config.dump(2) + "\n");
  write_file_atomically(made / "tokenizer.json", parts.tokenizer_json);
  write_file_atomically(made / "tokenizer_config.json",
                        tokenizer_config(parts.config.at("n_positions")).dump(2) + "\n");
  write_weights(parts.trained, made);
  write_file_atomically(made / kBaseRecord, record_of(made).dump(2) + "\n");
  transaction.commit();
}

}  // namespace rankscope
