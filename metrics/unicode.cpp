#include "metrics/unicode.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "common/utf8.h"

namespace rankscope {

namespace {

struct Range {
  std::uint32_t first, last;
};
struct LowerRange {
  std::uint32_t first, last, stride;
  std::int32_t delta;
};
#include "metrics/unicode_table.inc"

constexpr std::uint32_t kCapitalSigma = 0x3A3;
constexpr std::uint32_t kFinalSigma = 0x3C2;
constexpr std::uint32_t kCapitalDottedI = 0x130;
constexpr std::uint32_t kCombiningDot = 0x307;
// Stands in a text of code points for the byte b that is no part of UTF-8: kStrayByte + b.
constexpr std::uint32_t kStrayByte = 0x110000;

template <typename T>
const T* find_range(std::span<const T> ranges, std::uint32_t c) {
  const auto it = std::lower_bound(ranges.begin(), ranges.end(), c,
                                   [](const T& range, std::uint32_t v) { return range.last < v; });
  return it != ranges.end() && it->first <= c ? &*it : nullptr;
}

bool in(std::span<const Range> ranges, std::uint32_t c) { return find_range(ranges, c) != nullptr; }

std::vector<std::uint32_t> code_points(std::string_view text) {
  std::vector<std::uint32_t> out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (character_bytes(text) == 0) {
      out.push_back(kStrayByte + static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    const CodePoint c = first_code_point(text);
    out.push_back(c.value);
    text.remove_prefix(c.bytes);
  }
  return out;
}

void append(std::string& out, std::uint32_t c) {
  if (c >= kStrayByte) {
    out += static_cast<char>(c - kStrayByte);
  } else {
    append_utf8(out, c);
  }
}

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// Behind a cased letter and before none, characters that case ignores looked through.
bool is_final_sigma(const std::vector<std::uint32_t>& text, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && in(kCaseIgnorable, text[before - 1])) --before;
  if (before == 0 || !in(kCased, text[before - 1])) return false;
  std::size_t after = at + 1;
  while (after < text.size() && in(kCaseIgnorable, text[after])) ++after;
  return after == text.size() || !in(kCased, text[after]);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The text with every digit and every white space in ASCII, as decimal.Decimal and \d read them.
std::string ascii_digits(std::string_view text) {
  std::string out;
  for (const std::uint32_t c : code_points(text)) {
    if (const Range* digits = find_range<Range>(kDigits, c)) {
      out += static_cast<char>('0' + (c - digits->first));
    } else if (in(kSpaces, c) || (c >= 0x1C && c <= 0x1F)) {
      out += ' ';
    } else {
      append(out, c);
    }
  }
  return out;
}

// strtod for [-+]digits[.digits][e[-+]digits], in every locale and correctly rounded.
double to_double(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    // from_chars does not say which end was passed. The decimal exponent of the first digit does.
    const std::size_t mark = std::min(text.find('e'), text.size());
    const std::size_t point = std::min(text.substr(0, mark).find('.'), mark);
    const std::size_t first = text.find_first_of("123456789");
    long long exponent = 0;
    if (mark < text.size()) {
      const std::size_t begin = mark + (text[mark + 1] == '+' ? 2 : 1);
      std::from_chars(text.data() + begin, text.data() + text.size(), exponent);
    }
    const auto position = static_cast<long long>(point) - static_cast<long long>(first);
    value = exponent + position > 0 ? std::numeric_limits<double>::infinity() : 0;
  }
  return negative ? -value : value;
}

// decimal.Decimal(text), then float(). Nothing where Decimal raises InvalidOperation; `raises`
// where float() does.
std::optional<double> decimal_value(std::string text, bool& raises) {
  const std::size_t begin = text.find_first_not_of(" \t\n\v\f\r");
  if (begin == std::string::npos) return {};
  text = text.substr(begin, text.find_last_not_of(" \t\n\v\f\r") + 1 - begin);
  // Decimal drops these behind its trimming: white space that one held off the end stays, and is no
  // number's.
  std::erase(text, '_');
  for (char& c : text) c = ascii_lower(c);
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "inf" || rest == "infinity") {
    const double infinity = std::numeric_limits<double>::infinity();
    return negative ? -infinity : infinity;
  }
  const bool signalling = rest.starts_with("snan");
  if (signalling || rest.starts_with("nan")) {
    rest.remove_prefix(signalling ? 4 : 3);
    if (!std::all_of(rest.begin(), rest.end(), is_digit)) return {};
    raises = signalling;
    return std::numeric_limits<double>::quiet_NaN();
  }
  std::size_t i = 0;
  std::size_t digits = 0;
  for (; i < rest.size() && is_digit(rest[i]); ++i) ++digits;
  if (i < rest.size() && rest[i] == '.') {
    for (++i; i < rest.size() && is_digit(rest[i]); ++i) ++digits;
  }
  if (digits == 0) return {};
  if (i == rest.size()) return to_double(text);
  if (rest[i++] != 'e') return {};
  if (i < rest.size() && (rest[i] == '-' || rest[i] == '+')) ++i;
  const std::string_view exponent = rest.substr(i);
  // Decimal's own limit lies at 18 digits.
  if (exponent.empty() || !std::all_of(exponent.begin(), exponent.end(), is_digit) ||
      exponent.size() - std::min(exponent.find_first_not_of('0'), exponent.size()) > 18) {
    return {};
  }
  return to_double(text);
}

// The first match of [-+]?\d*\.\d+|\d+.
std::optional<double> first_number(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::size_t end = i;
    if (text[end] == '-' || text[end] == '+') ++end;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
      for (++end; end < text.size() && is_digit(text[end]); ++end) {
      }
      return to_double(text.substr(i, end - i));
    }
    if (!is_digit(text[i])) continue;
    return to_double(text.substr(i, end - i));
  }
  return {};
}

}  // namespace

std::string python_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  if (std::all_of(text.begin(), text.end(),
                  [](char c) { return static_cast<signed char>(c) >= 0; })) {
    for (const char c : text) out += ascii_lower(c);
    return out;
  }
  const std::vector<std::uint32_t> points = code_points(text);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::uint32_t c = points[i];
    if (c < 0x80) {
      out += ascii_lower(static_cast<char>(c));
    } else if (c == kCapitalDottedI) {
      out += 'i';
      append(out, kCombiningDot);
    } else if (c == kCapitalSigma && is_final_sigma(points, i)) {
      append(out, kFinalSigma);
    } else {
      const LowerRange* range = find_range<LowerRange>(kLowerRanges, c);
      const bool changes = range != nullptr && (c - range->first) % range->stride == 0;
      append(out,
             changes ? static_cast<std::uint32_t>(static_cast<std::int64_t>(c) + range->delta) : c);
    }
  }
  return out;
}

std::optional<double> wikisql_number(std::string_view text) {
  const std::string ascii = ascii_digits(text);
  std::string without_groups = ascii;
  std::erase(without_groups, ',');
  bool raises = false;
  const std::optional<double> value = decimal_value(std::move(without_groups), raises);
  if (raises) return {};
  return value ? value : first_number(ascii);
}

}  // namespace rankscope
