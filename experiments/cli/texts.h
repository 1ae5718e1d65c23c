// Files of one text a line.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace rankscope {

// Calls `use` for each line of `path`: with `jsonl` the JSON string it holds, otherwise the line
// itself without its end ("\n" or "\r\n"; a byte order mark at the file's start is dropped).
// `where` is FILE:LINE. InputError where a line of a `jsonl` file is not one JSON string. Other
// lines may hold bytes that are no UTF-8, which a tokenizer reads as U+FFFD: a warning counts them.
void for_each_text(const std::filesystem::path& path, bool jsonl,
                   const std::function<void(std::string_view text, const std::string& where)>& use);

}  // namespace rankscope
