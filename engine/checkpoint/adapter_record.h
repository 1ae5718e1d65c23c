// rankscope.json: what a saved adaptation is, beyond what the files beside it can say.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "engine/methods/method.h"
#include "engine/models/site.h"

namespace rankscope {

inline constexpr const char* kRecordFile = "rankscope.json";
// The trained B of sites whose B had to be rescaled to fit one scale per module.
inline constexpr const char* kExactFile = "rankscope.safetensors";

// One site's share of a PEFT module, in the order in which the shares are stacked.
struct SiteShare {
  Site site;
  int64_t rank = 0;
  double scale = 0;
  double dropout = 0;
  bool exact_beside = false;  // B was rescaled for PEFT; the trained one is in kExactFile
};

struct AdapterRecord {
  std::string method;
  std::map<std::string, std::string> settings;
  std::string weights_file;      // the safetensors file, or empty
  std::string weights_sha256;    // of its bytes
  std::string base_sample;       // Model::stored_sample_hash of its base, or empty
  std::vector<SiteShare> sites;  // lora
};

void write_record(const std::filesystem::path& folder, const AdapterRecord& record);
// Throws InputError where the record is ill-formed, AlteredFile where its weights file or
// kExactFile is another than it describes. An older program's record has no hash of the latter.
AdapterRecord read_record(const std::filesystem::path& folder);
// What the record's method saves. InputError, naming the record, where there is no such method.
SavedForm saved_form_of(const AdapterRecord& record, const std::filesystem::path& folder);
// The trained B, [rows, cols], of a site whose share is exact_beside, by its parameter's name.
std::vector<float> read_exact(const std::filesystem::path& folder, const std::string& name,
                              int64_t rows, int64_t cols);

// Where each site's ranks begin among those of its module, in the record's order. `ranks` are those
// of the folder's modules; `module_of` names the one that holds a site, null where none does.
// InputError where the sites do not share out the modules' ranks exactly, each named once.
std::vector<int64_t> first_ranks(const AdapterRecord& record, const std::filesystem::path& folder,
                                 const std::map<std::string, int64_t>& ranks,
                                 const std::function<const std::string*(const Site&)>& module_of);

}  // namespace rankscope
