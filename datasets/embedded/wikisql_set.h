// Questions on tables of the embedded world, with their queries: the form of WikiSQL.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/wikisql_query.h"
#include "datasets/embedded/world.h"

namespace rankscope::embedded {

struct TableQuestion {
  std::size_t table = 0;  // index into the set's tables
  std::string text;
  WikisqlQuery query;
  std::string pattern;  // of the text, see pool_of_pattern
};

struct WikisqlSet {
  std::vector<WikisqlTable> tables;
  std::vector<TableQuestion> questions;
};

// `count` questions, the same number on each table, of names and patterns of the pool. Every
// query's conditions are met by some row. `split` names the set ("train") and is part of the
// tables' ids.
WikisqlSet make_wikisql_set(const World& world, std::string_view split, Pool pool,
                            std::size_t count);

}  // namespace rankscope::embedded
