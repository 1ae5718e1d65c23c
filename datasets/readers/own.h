// A user's own task: JSON Lines (or one JSON array) with `prompt` and `target`, nothing to program.
#pragma once

#include <filesystem>

#include "datasets/readers/record.h"
#include "datasets/readers/source_text.h"

namespace rankscope {

// Fields: prompt, target. Keys of an entry:
//   prompt      text
//   target      text; may be absent where the options allow it
//   choices     optional: at least two different texts, one of them the target
//   reference   optional text, or `references`, an array of at least one: what a scorer compares
//               with where it is not the target; with choices each one of them, white space around
//               it aside
//   id          optional text or integer; otherwise FILE:N, N as in Record
// Other keys are not read, and named in the report: a misspelt key should not go unseen.
RecordSet read_own(const SourceText& source, const ReadOptions& options = {});
RecordSet read_own(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace rankscope
