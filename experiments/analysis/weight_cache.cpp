#include "experiments/analysis/weight_cache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "common/error.h"
#include "common/files.h"
#include "common/folders.h"
#include "common/hash.h"
#include "common/safetensors.h"
#include "engine/checkpoint/stored_tensor.h"

namespace rankscope {

namespace {

constexpr std::uint64_t kSearchSeed =
    0;  // of the search's start, which the triples hardly depend on

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Of the tensors' bytes, kept beside them: a value that was changed on the disk reads like any
// other.
constexpr const char* kHash = "sha256";
std::string hash_of(std::span<const std::byte> left, std::span<const std::byte> right,
                    std::span<const std::byte> values) {
  Sha256 hash;
  for (const std::span<const std::byte> part : {left, right, values})
    hash.update_u64(part.size()).update(part);
  return hash.hex();
}

std::optional<Singular> read_triples(const std::filesystem::path& path, const WeightRows& weight,
                                     Eigen::Index k) {
  if (!is_there(path)) return std::nullopt;
  try {
    const SafetensorsFile file(path);
    const TensorEntry& values = file.at("values");
    if (values.shape.size() != 1 || values.shape[0] != k) return std::nullopt;
    check_stored_tensor(file, values, {k});
    const auto kept = file.metadata().find(kHash);
    if (kept == file.metadata().end() ||
        kept->second !=
            hash_of(file.bytes(file.at("left")), file.bytes(file.at("right")), file.bytes(values)))
      return std::nullopt;
    const auto matrix = [&](const char* name, Eigen::Index rows) -> RealMatrix {
      const TensorEntry& entry = file.at(name);
      check_stored_tensor(file, entry, {rows, k});
      const std::vector<float> stored = stored_values(file, entry);
      return Eigen::Map<const RowMajor>(stored.data(), rows, k).cast<double>();
    };
    Singular triples;
    triples.left = matrix("left", weight.rows());
    triples.right = matrix("right", weight.cols());
    const std::vector<float> stored = stored_values(file, values);
    triples.values = Eigen::Map<const Eigen::VectorXf>(stored.data(), k).cast<double>();
    return triples;
  } catch (const InputError&) {
    return std::nullopt;
  }
}

void write_triples(const std::filesystem::path& path, const Singular& triples) {
  const RowMajor left = triples.left.cast<float>(), right = triples.right.cast<float>();
  const Eigen::VectorXf values = triples.values.cast<float>();
  const auto bytes = [](const auto& m) {
    return std::as_bytes(std::span(m.data(), static_cast<std::size_t>(m.size())));
  };
  write_safetensors(path,
                    {{"left", DType::kF32, {left.rows(), left.cols()}, left.data()},
                     {"right", DType::kF32, {right.rows(), right.cols()}, right.data()},
                     {"values", DType::kF32, {values.size()}, values.data()}},
                    {{kHash, hash_of(bytes(left), bytes(right), bytes(values))}});
}

}  // namespace

Eigen::Index share_of_base(std::int64_t out, std::int64_t in) {
  constexpr double kShareOfBase = 0.1;
  return static_cast<Eigen::Index>(
      std::ceil(kShareOfBase * static_cast<double>(std::min(in, out))));
}

Eigen::Index triples_for(Eigen::Index share, std::int64_t rank) {
  return std::max<Eigen::Index>(share, rank) + 1;
}

WeightCache::WeightCache(std::filesystem::path folder, const std::string& base_hash)
    : folder_(std::move(folder) / ("base-" + base_hash.substr(0, 16))) {}

WeightFacts WeightCache::facts(const WeightRows& weight, int layer, const std::string& site,
                               Eigen::Index k) const {
  k = std::min({k, weight.rows(), weight.cols()});
  const std::filesystem::path path =
      folder_ / fmt::format("layer{}-{}-{}.safetensors", layer, site, k);
  WeightFacts facts;
  facts.leading = read_triples(path, weight, k);
  // An older program kept one number of them a site.
  if (!facts.leading)
    facts.leading =
        read_triples(folder_ / fmt::format("layer{}-{}.safetensors", layer, site), weight, k);
  if (facts.leading) {
    facts.norm = weight.frobenius();
    return facts;
  }
  facts = weight_facts(weight, k, kSearchSeed);
  if (!facts.leading) return facts;
  make_folder(folder_, "its disk may be full or read-only");
  write_triples(path, *facts.leading);
  facts.leading = read_triples(path, weight, k);
  return facts;
}

}  // namespace rankscope
