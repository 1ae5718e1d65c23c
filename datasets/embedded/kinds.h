// The kinds of things in the embedded world and what is said of them: a new kind, or a new
// attribute of one, is an entry of the table in kinds.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "datasets/embedded/names.h"

namespace rankscope::embedded {

// Where the values of an attribute come from.
struct ValueSource {
  enum class Type { kNumber, kWord, kName, kPerson } type = Type::kWord;
  std::int64_t low = 0, high = 0, step = 1;  // kNumber: low, low + step, ..., at most high
  std::vector<std::string_view> words = {};  // kWord
  NameKind name = NameKind::kTown;           // kName
  bool numeric() const { return type == Type::kNumber; }
};

// Texts in which {s} stands for the subject's name and {v} for the value. A sentence begins with a
// small letter, or a name, and lacks its full stop: what it becomes part of adds both.
struct Attribute {
  std::string_view key;
  ValueSource values;
  std::vector<std::string_view> headers;     // names of a table's column
  std::vector<std::string_view> statements;  // "{s} lies on the {v}"
  std::vector<std::string_view> questions;   // "on which river does {s} lie"
  std::vector<std::string_view> conditions;  // after a noun: "on the {v}"
  std::vector<std::string_view> nouns;       // "river", after "the"
  // Numbers alone: conditions on more and on less than {v}.
  std::vector<std::string_view> more, less;
};

struct Kind {
  std::string_view key;  // "town", the singular noun
  std::string_view plural;
  std::vector<std::string_view> headers;  // of the column of names
  std::vector<Attribute> attributes;
};

std::span<const Kind> kinds();

}  // namespace rankscope::embedded
