#include "experiments/cli/print_rows.h"

#include <cstdio>

#include "common/error.h"

namespace rankscope {

void print_text(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return;
  throw MachineError(kNotWritten);
}

RowFormat row_format(const std::string& name) {
  if (name == "csv") return RowFormat::kCsv;
  if (name == "json") return RowFormat::kJson;
  if (name == "markdown") return RowFormat::kMarkdown;
  return RowFormat::kTable;
}

}  // namespace rankscope
