// MultiNLI (Williams, Nangia and Bowman 2018): GLUE's .tsv, the original .jsonl, and JSON Lines
// with fewer keys.
#pragma once

#include <array>
#include <filesystem>
#include <string_view>

#include "datasets/readers/record.h"
#include "datasets/readers/source_text.h"

namespace rankscope {

// The labels' names; Record::gold is an index into them.
inline constexpr std::array<std::string_view, 3> kMnliLabels = {"entailment", "neutral",
                                                                "contradiction"};

// Fields: premise, hypothesis, genre (empty where the file has none), label. The reference is the
// label's name.
//
// A path that ends in .tsv, or a text whose first line holds tabs and `sentence1`, is a table with
// a header row, tabs between, quotes without meaning, as GLUE publishes it; columns are found by
// name. Else the text must begin as JSON. `sentence1` and `sentence2`
// are needed, `gold_label` too unless the options allow its absence in the whole file; `genre` and
// `pairID` (the id; otherwise FILE:N) are optional; all else is not read. A gold_label of "-"
// (the annotators did not agree) is skipped and counted, as the corpus' authors ask; "hidden", as
// in their unlabelled test files, is none.
RecordSet read_mnli(const SourceText& source, const ReadOptions& options = {});
RecordSet read_mnli(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace rankscope
