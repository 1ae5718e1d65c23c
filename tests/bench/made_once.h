// What a benchmark makes at its first run and reads at the later ones.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace rankscope::bench {

// Calls `make`, which makes the file or folder `path`, unless it was made from the same `content`:
// any text that changes with what `make` would write. It stands beside `path` as PATH.made_from.
// What was made from another content, or not to its end, is removed first.
void make_once(const std::filesystem::path& path, const std::string& content,
               const std::function<void()>& make);

}  // namespace rankscope::bench
