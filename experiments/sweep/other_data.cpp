#include "experiments/sweep/other_data.h"

#include "common/text.h"

namespace rankscope {

void refuse_other_data(const Json& done, const std::string& named,
                       const std::filesystem::path& folder) {
  const Json::json_pointer place("/read/data/files");
  if (!done.contains(place) || done[place].empty()) return;  // an older program's
  std::string read;
  for (const Json& file : done[place])
    read += (read.empty() ? "" : "+") + file.at("sha256").get<std::string>();
  if (read == named.substr(named.rfind(':') + 1)) return;
  throw OtherData("the data that '" + printable_path(folder / "done.json") +
                  "' was made from is not what the trial is named by: it changed while the trial "
                  "ran; remove '" +
                  printable_path(folder) + "' and run the sweep again");
}

}  // namespace rankscope
