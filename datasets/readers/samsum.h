// SAMSum (Gliwa et al. 2019): the corpus' {train,val,test}.json, one array, or JSON Lines.
#pragma once

#include <filesystem>

#include "datasets/readers/record.h"
#include "datasets/readers/source_text.h"

namespace rankscope {

// Fields: dialogue, summary. The reference is the summary. `dialogue` is needed, `summary` too
// unless the options allow its absence; `id` is the file's own, otherwise FILE:N. "\r\n" inside
// a text becomes "\n". An empty dialogue (train row 13828807) is skipped and counted.
RecordSet read_samsum(const SourceText& source, const ReadOptions& options = {});
RecordSet read_samsum(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace rankscope
