// parse_query: recursive descent over the text, with the header as its list of names.
#include <cstdint>

#include "common/text.h"
#include "common/wikisql_query.h"

namespace rankscope {

namespace {

constexpr std::size_t kNone = static_cast<std::size_t>(-1);

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Without white space and in lower case, as lib/query.py compares names.
std::string squeezed(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (!is_space(c)) out += ascii_lower(c);
  }
  return out;
}

class QueryParser {
 public:
  QueryParser(std::string_view text, std::span<const std::string> header)
      : text_(trimmed(text)), header_(header), after_space_(text_.size() + 1) {
    for (const std::string& name : header) squeezed_.push_back(squeezed(name));
    after_space_[text_.size()] = text_.size();
    for (std::size_t i = text_.size(); i-- > 0;) {
      after_space_[i] = is_space(text_[i]) ? after_space_[i + 1] : i;
    }
  }

  std::optional<WikisqlQuery> parse() {
    const std::size_t begin = keyword(0, "SELECT");
    if (begin == kNone) return {};
    const std::size_t conditions = select_clause(after_space_[begin]);
    if (conditions == kNone) return {};
    if (conditions < text_.size() && !condition_list(conditions)) return {};
    return std::move(query_);
  }

 private:
  struct Column {
    int index = -1;
    std::size_t end = 0;
    bool exact = false;
    explicit operator bool() const { return index >= 0; }
  };
  struct ConditionHead {
    int column = -1;
    int op = 0;
    std::size_t value = 0;  // where its value begins
    explicit operator bool() const { return column >= 0; }
  };
  struct Operator {
    int op = -1;
    std::size_t end = 0;
  };

  // The position behind the word, when it stands at `at` as a whole word.
  std::size_t keyword(std::size_t at, std::string_view word) const {
    if (text_.size() - at < word.size()) return kNone;
    for (std::size_t i = 0; i < word.size(); ++i) {
      if (ascii_lower(text_[at + i]) != ascii_lower(word[i])) return kNone;
    }
    const std::size_t end = at + word.size();
    return end == text_.size() || is_space(text_[end]) ? end : kNone;
  }

  // `FROM table` at or after `at`, and `WHERE` if anything follows: where the conditions begin, or
  // the end of the text.
  std::size_t from_clause(std::size_t at) const {
    std::size_t position = keyword(after_space_[at], "FROM");
    if (position == kNone) return kNone;
    position = keyword(after_space_[position], "table");
    if (position == kNone || position == text_.size()) return position;
    position = keyword(after_space_[position], "WHERE");
    // A WHERE without conditions is no query.
    if (position == kNone || position == text_.size()) return kNone;
    return after_space_[position];
  }

  std::size_t select_clause(std::size_t at) {
    const auto plain_follows = [&](std::size_t end) {
      return after_space_[end] > end && from_clause(end) != kNone;
    };
    const auto closed_follows = [&](std::size_t end) {
      const std::size_t close = after_space_[end];
      return close < text_.size() && text_[close] == ')' && from_clause(close + 1) != kNone;
    };
    const auto accept = [&](const Column& column, int aggregation) {
      query_.select = column.index;
      query_.aggregation = aggregation;
      return from_clause(aggregation == 0 ? column.end : after_space_[column.end] + 1);
    };
    int aggregation = 0;
    const std::size_t inner = aggregation_call(at, aggregation);
    if (inner != kNone) {
      if (const Column c = quoted_column(inner); c && closed_follows(c.end)) {
        return accept(c, aggregation);
      }
    }
    if (const Column c = quoted_column(at); c && from_clause(c.end) != kNone) return accept(c, 0);
    const Column plain = bare_column(at, plain_follows);
    if (plain && plain.exact) return accept(plain, 0);
    if (inner != kNone) {
      if (const Column c = bare_column(inner, closed_follows)) return accept(c, aggregation);
    }
    return plain ? accept(plain, 0) : kNone;
  }

  // Behind `MAX(` and its like.
  std::size_t aggregation_call(std::size_t at, int& aggregation) const {
    for (std::size_t i = 1; i < kWikisqlAggregations.size(); ++i) {
      const std::string_view name = kWikisqlAggregations[i];
      if (text_.size() - at < name.size()) continue;
      bool same = true;
      for (std::size_t k = 0; k < name.size(); ++k)
        same &= ascii_lower(text_[at + k]) == ascii_lower(name[k]);
      const std::size_t open = after_space_[at + name.size()];
      if (!same || open == text_.size() || text_[open] != '(') continue;
      aggregation = static_cast<int>(i);
      return after_space_[open + 1];
    }
    return kNone;
  }

  // The text between quotes at `at`, a doubled quote standing for one; `end` is behind it.
  bool quoted_text(std::size_t at, char quote, std::string& content, std::size_t& end) const {
    if (at >= text_.size() || text_[at] != quote) return false;
    content.clear();
    for (std::size_t i = at + 1; i < text_.size(); ++i) {
      if (text_[i] == quote) {
        if (i + 1 == text_.size() || text_[i + 1] != quote) {
          end = i + 1;
          return true;
        }
        ++i;
      }
      content += text_[i];
    }
    return false;
  }

  Column quoted_column(std::size_t at) const {
    std::string name;
    Column column;
    if (!quoted_text(at, '"', name, column.end)) return {};
    std::size_t which = 1;
    const bool numbered = column.end < text_.size() && text_[column.end] == '#';
    if (numbered) {
      which = 0;
      for (++column.end; column.end < text_.size(); ++column.end) {
        const char c = text_[column.end];
        if (c < '0' || c > '9') break;
        which = which * 10 + static_cast<std::size_t>(c - '0');
        if (which > header_.size()) return {};
      }
      if (which == 0) return {};
    }
    const std::string loose = squeezed(name);
    int nearest = -1;
    for (std::size_t i = 0; i < header_.size(); ++i) {
      if (header_[i] == name && --which == 0) {
        column.index = static_cast<int>(i);
        return column;
      }
      if (nearest < 0 && squeezed_[i] == loose) nearest = static_cast<int>(i);
    }
    if (!numbered) column.index = nearest;
    return column;
  }

  template <typename Follows>
  Column bare_column(std::size_t at, const Follows& follows) const {
    Column best;
    for (std::size_t i = 0; i < header_.size(); ++i) {
      const std::string& name = header_[i];
      if (squeezed_[i].empty()) continue;
      Column column{static_cast<int>(i), at + name.size(), true};
      if (!text_.substr(at).starts_with(name) || !follows(column.end)) {
        column.end = loose_end(at, squeezed_[i]);
        column.exact = false;
        if (column.end == kNone || !follows(column.end)) continue;
      }
      if (!best || column.exact > best.exact ||
          (column.exact == best.exact && column.end > best.end)) {
        best = column;
      }
    }
    return best;
  }

  std::size_t loose_end(std::size_t at, std::string_view squeezed_name) const {
    for (const char c : squeezed_name) {
      at = after_space_[at];
      if (at == text_.size() || ascii_lower(text_[at]) != c) return kNone;
      ++at;
    }
    return at;
  }

  Operator operator_after(std::size_t at) const {
    const std::size_t position = after_space_[at];
    if (position == text_.size()) return {};
    for (std::size_t i = 0; i < kWikisqlOperators.size(); ++i) {
      const std::string_view name = kWikisqlOperators[i];
      if (!text_.substr(position).starts_with(name)) continue;
      const std::size_t end = position + name.size();
      const bool word = name.size() > 1;
      if (word && (position == at || (end < text_.size() && !is_space(text_[end])))) continue;
      // >=, <=, <> and == are other operators, which WikiSQL lacks.
      if (!word && end < text_.size() && (text_[end] == '=' || text_[end] == '>')) continue;
      return {static_cast<int>(i), end};
    }
    return {};
  }

  ConditionHead condition_head(std::size_t at) const {
    const auto follows = [&](std::size_t end) { return operator_after(end).op >= 0; };
    Column column = quoted_column(at);
    if (!column || !follows(column.end)) column = bare_column(at, follows);
    if (!column) return {};
    const Operator op = operator_after(column.end);
    return {column.index, op.op, after_space_[op.end]};
  }

  // The condition that an AND at `at` opens.
  ConditionHead next_condition(std::size_t at) const {
    const std::size_t end = keyword(at, "AND");
    return end == kNone || end == text_.size() ? ConditionHead{}
                                               : condition_head(after_space_[end]);
  }

  bool condition_list(std::size_t at) {
    ConditionHead head = condition_head(at);
    while (head) {
      WikisqlCondition& condition = query_.conditions.emplace_back();
      condition.column = head.column;
      condition.op = head.op;
      std::size_t end = 0;
      ConditionHead next;
      if (quoted_text(head.value, '\'', condition.value.text, end)) {
        const std::size_t position = after_space_[end];
        if (position == text_.size()) return true;
        if (position > end) next = next_condition(position);
      }
      if (!next) next = bare_value(head.value, condition.value.text);
      if (condition.value.text.empty() && text_.substr(head.value, 1) != "'") return false;
      if (!next) return true;
      head = next;
    }
    return false;
  }

  // Takes the value up to the next condition, which is returned, or to the end.
  ConditionHead bare_value(std::size_t begin, std::string& value) const {
    for (std::size_t i = begin + 1; i < text_.size(); ++i) {
      if (ascii_lower(text_[i]) != 'a' || !is_space(text_[i - 1])) continue;
      if (const ConditionHead next = next_condition(i)) {
        value = trimmed(text_.substr(begin, i - begin));
        return next;
      }
    }
    value = text_.substr(begin);
    return {};
  }

  std::string_view text_;
  std::span<const std::string> header_;
  std::vector<std::string> squeezed_;
  std::vector<std::size_t> after_space_;  // the first position from here that holds no white space
  WikisqlQuery query_;
};

}  // namespace

std::optional<WikisqlQuery> parse_query(std::string_view text,
                                        std::span<const std::string> header) {
  return QueryParser(text, header).parse();
}

}  // namespace rankscope
