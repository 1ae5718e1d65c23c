#include "experiments/cli/texts.h"

#include "common/error.h"
#include "common/json.h"
#include "common/jsonl.h"
#include "common/text.h"

namespace rankscope {

void for_each_text(
    const std::filesystem::path& path, bool jsonl,
    const std::function<void(std::string_view text, const std::string& where)>& use) {
  const std::string name = printable_path(path);
  LineReader lines(path);
  for (std::string_view line; lines.next(line);) {
    if (!jsonl) {
      use(line, lines.where());
      continue;
    }
    const Json value = parse_json(line, name, {}, lines.line_number());
    if (!value.is_string())
      throw InputError(lines.where() + ": must be a JSON string, not " + json_excerpt(value));
    use(value.get_ref<const std::string&>(), lines.where());
  }
}

}  // namespace rankscope
