// parse_query: whatever it takes for a query must come back from the text that is rendered for it.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/wikisql_query.h"
#include "tests/fuzz/fuzz_one.h"

// The input's lines are the header's names, the last one the text.
int fuzz_one(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> header;
  for (std::size_t end; (end = rest.find('\n')) != rest.npos && header.size() < 16;) {
    header.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  const std::optional<rankscope::WikisqlQuery> query = rankscope::parse_query(rest, header);
  if (!query) return 0;
  const std::string text = rankscope::render_query(*query, header);
  if (rankscope::parse_query(text, header) != query) std::abort();
  return 0;
}
