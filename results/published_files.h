// The files of results/published as the build found them.
#pragma once

#include <span>
#include <string_view>

namespace rankscope {

struct PublishedFile {
  std::string_view source;  // the name without .csv
  std::string_view csv;
};

// Sorted by source.
std::span<const PublishedFile> published_files();

}  // namespace rankscope
