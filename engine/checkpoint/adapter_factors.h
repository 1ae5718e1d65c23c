// The factors of a LoRA adapter as its files hold them, without the base they belong to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rankscope {

// The update of one site: scale * B A.
struct SiteFactors {
  int layer = 0;                // from 0
  std::string site;             // "Wq"; of an unknown kind of module its own name
  std::string module = {};      // the path of the module that holds it
  std::int64_t begin = 0;       // its first output inside the module
  std::int64_t module_out = 0;  // all outputs of the module
  std::int64_t rank = 0, in = 0, out = 0;
  std::vector<float> a;  // [rank, in]
  std::vector<float> b;  // [out, rank]
  double scale = 0;
  bool of_checkpoint = false;  // what a whole model's matrix differs by, no trained A and B
};

// InputError where a value of the factors, or their scale, is infinite or not a number; `whose`
// begins the message.
void require_finite(const SiteFactors& factors, const std::string& whose);

// Where an adapter has an update.
struct AdaptedSite {
  int layer = 0;
  std::string site;
  std::int64_t rank = 0, in = 0, out = 0;
};

using SiteWanted = std::function<bool(int layer, const std::string& site)>;

// A PEFT folder, opened once: the whole weights file is then read and held against the hash in
// save_adapter's record. A module that holds several sites is taken apart, as that record says or
// into equal parts that share one A.
class AdapterReader {
 public:
  // Throws InputError for a damaged folder, one of another method, and two modules that are one
  // site.
  explicit AdapterReader(const std::filesystem::path& folder);
  ~AdapterReader();
  AdapterReader(AdapterReader&&) noexcept;
  AdapterReader& operator=(AdapterReader&&) noexcept;

  // By layer and then in the order of the sites' names, without reading values.
  std::vector<AdaptedSite> sites() const;
  // In the same order, those that are `wanted`, or all. May be called on several threads. Throws
  // InputError for damaged values.
  std::vector<SiteFactors> read(const SiteWanted& wanted = {}) const;

  // The folder as it was opened.
  class Folder;

 private:
  std::unique_ptr<const Folder> folder_;
};

// As they are combined with other adapters': of the sites, or of whole modules as PEFT reads the
// folder, whether there is a record or not; a whole module's `site` is its path. Modules that were
// saved whole beside the factors are refused.
enum class FactorUnit { kSites, kModules };
std::vector<SiteFactors> read_factors_of(const std::filesystem::path& folder, FactorUnit unit);

}  // namespace rankscope
