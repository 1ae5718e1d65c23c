#include "datasets/readers/documents.h"

#include "datasets/readers/json_records.h"

namespace rankscope {

DocumentSet read_documents(std::span<const std::filesystem::path> files,
                           std::string_view end_token) {
  DocumentSet set;
  for (const std::filesystem::path& path : files) {
    const SourceText source(path);
    set.report.files.push_back(source.file());
    JsonRecords records(source);
    while (records.next()) {
      const std::string_view text = records.string("text");
      if (text.find(end_token) != std::string_view::npos) {
        records.fail("text", "holds '" + std::string(end_token) +
                                 "', which ends a document to the tokenizer; take it out");
      }
      if (text.empty()) {
        set.report.skip("empty text", source.numbered_id(records.number()));
        continue;
      }
      set.texts.emplace_back(text);
      ++set.report.read;
    }
    set.report.blank_lines += records.blank_lines();
  }
  return set;
}

}  // namespace rankscope
