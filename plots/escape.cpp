#include "plots/escape.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "common/text.h"
#include "common/utf8.h"

namespace rankscope {

namespace {

constexpr std::size_t kWhole = std::numeric_limits<std::size_t>::max() / 2;
constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// What reports write beyond ASCII, which LaTeX's fonts for texts lack in part.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> kLatexSymbols{
    {{"−", "\\ensuremath{-}"},
     {"±", "\\ensuremath{\\pm}"},
     {"Δ", "\\ensuremath{\\Delta}"},
     {"δ", "\\ensuremath{\\delta}"},
     {"α", "\\ensuremath{\\alpha}"},
     {"‖", "\\ensuremath{\\Vert}"},
     {"✓", "\\ensuremath{\\surd}"},
     {"✗", "\\ensuremath{\\times}"},
     {"○", "\\ensuremath{\\circ}"},
     {"–", "--"},
     {"…", "\\ldots{}"},
     {"“", "``"},
     {"”", "''"},
     {"≥", "\\ensuremath{\\ge}"},
     {"‘", "`"},
     {"’", "'"},
     {"—", "---"},
     {"•", "\\textbullet{}"},
     {"€", "\\texteuro{}"},
     {"\xef\xbf\xbd", "?"}}};

// Latin letters and signs that pdfLaTeX sets with T1 and textcomp; it stops at most others.
bool is_known_to_latex(char32_t c) {
  constexpr std::u32string_view kLacking =
      U"\u0126\u0127\u0138\u013f\u0140\u0149\u0166\u0167\u017f";
  return c < 0x80 || (c >= 0xa0 && c < 0x180 && kLacking.find(c) == std::u32string_view::npos);
}

bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : repair_utf8(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        if (is_control(c)) {
          out += kReplacement;
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char c : printable(text, kWhole)) {
    if (std::string_view("\\|<>*_`[]~#$&").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string latex_text(std::string_view text) {
  std::string out;
  const std::string repaired = repair_utf8(text);
  for (std::size_t at = 0; at < repaired.size();) {
    const std::string_view rest = std::string_view(repaired).substr(at);
    const auto* const symbol = std::ranges::find_if(
        kLatexSymbols, [&](const auto& s) { return rest.starts_with(s.first); });
    if (symbol != kLatexSymbols.end()) {
      out += symbol->second;
      at += symbol->first.size();
      continue;
    }
    const CodePoint point = first_code_point(rest);
    if (point.bytes > 1) {
      out += is_known_to_latex(point.value) ? rest.substr(0, point.bytes) : "?";
      at += point.bytes;
      continue;
    }
    const char c = repaired[at++];
    switch (c) {
      case '\\':
        out += "\\textbackslash{}";
        break;
      case '{':
        out += "\\{";
        break;
      case '}':
        out += "\\}";
        break;
      case '$':
      case '&':
      case '#':
      case '_':
      case '%':
        out += '\\';
        out += c;
        break;
      case '^':
        out += "\\textasciicircum{}";
        break;
      case '~':
        out += "\\textasciitilde{}";
        break;
      case '<':
        out += "\\textless{}";
        break;
      case '>':
        out += "\\textgreater{}";
        break;
      case '|':
        out += "\\textbar{}";
        break;
      case '"':
        out += "\\textquotedbl{}";
        break;
      case '`':
        out += "\\textasciigrave{}";
        break;
      // After \\ a bare one would begin an optional argument.
      case '[':
        out += "{[}";
        break;
      case ']':
        out += "{]}";
        break;
      case '\n':
      case '\t':
        out += ' ';
        break;
      default:
        if (is_control(c)) {
          out += '?';
        } else {
          out += c;
        }
    }
  }
  return out;
}

std::string gnuplot_string(std::string_view text, std::size_t max_bytes) {
  std::string out = "'";
  for (const char c : printable(text, max_bytes)) {
    if (c == '\'') out += c;
    out += c;
  }
  return out + "'";
}

std::string gnuplot_tic(std::string_view text, std::size_t max_bytes) {
  // gnuplot cuts what it reads as a format to 49 bytes, and other texts not at all.
  constexpr std::size_t kMostOfAFormat = 49;
  const std::string string = gnuplot_string(text, max_bytes);
  const bool cut = string.size() > kMostOfAFormat + 2;
  std::string out;
  for (const char c : string) {
    if (c != '%')
      out += c;
    else
      out += cut ? "\uff05" : "%%";  // the full-width sign means nothing to it
  }
  return out;
}

std::string file_word(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string out;
  for (const char c : text.substr(0, kLongest)) {
    const char small = ascii_lower(c);
    if ((small >= 'a' && small <= 'z') || (c >= '0' && c <= '9')) {
      out += small;
    } else if (out.empty() || out.back() != '_') {
      out += '_';
    }
  }
  return out.empty() ? "_" : out;
}

}  // namespace rankscope
