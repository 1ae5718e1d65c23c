#include "experiments/cli/texts.h"

#include <cstdint>

#include "common/error.h"
#include "common/json.h"
#include "common/jsonl.h"
#include "common/log.h"
#include "common/text.h"
#include "plots/format.h"

namespace rankscope {

void for_each_text(
    const std::filesystem::path& path, bool jsonl,
    const std::function<void(std::string_view text, const std::string& where)>& use) {
  const std::string name = printable_path(path);
  LineReader lines(path);
  std::int64_t repaired = 0;
  for (std::string_view line; lines.next(line);) {
    if (!jsonl) {
      if (!valid_utf8(line)) ++repaired;
      use(line, lines.where());
      continue;
    }
    const Json value = parse_json(line, name, {}, lines.line_number());
    if (!value.is_string())
      throw InputError(lines.where() + ": must be a JSON string, not " + json_excerpt(value));
    use(value.get_ref<const std::string&>(), lines.where());
  }
  if (repaired > 0)
    log::warning("{}: {} bytes that are no UTF-8, read as U+FFFD; is the file of another encoding?",
                 name, counted(repaired, "line") + (repaired == 1 ? " holds" : " hold"));
}

}  // namespace rankscope
