// Small numbers for words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rankscope {

// Gives every distinct word the next number, from 0. Open addressing; the words lie in one string.
class WordIds {
 public:
  WordIds();

  // The word's number, and whether it was new.
  struct Found {
    std::uint32_t id;
    bool added;
  };
  Found find_or_add(std::string_view word);

  std::size_t size() const { return entries_.size(); }
  void clear();

 private:
  struct Entry {
    std::uint64_t hash;
    std::size_t begin;
    std::size_t size;
  };
  void grow();

  std::vector<Entry> entries_;
  std::vector<std::uint32_t> slots_;  // a word's number plus one, or 0
  std::string letters_;
};

}  // namespace rankscope
