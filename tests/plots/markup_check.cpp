#include "tests/plots/markup_check.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace rankscope::tests {

namespace {

bool is_void(const std::string& name) {
  static const std::array<std::string_view, 5> kVoid{"meta", "link", "br", "hr", "img"};
  return std::ranges::find(kVoid, name) != kVoid.end();
}

bool leads_out(const std::string& value) {
  return !value.empty() && value[0] != '#' && !value.starts_with("data:");
}

std::string entity(std::string_view text) {
  static const std::array<std::pair<std::string_view, std::string_view>, 5> kKnown{
      {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}}};
  for (const auto& [name, meaning] : kKnown)
    if (text.starts_with(name)) return std::string(name);
  return {};
}

std::string meaning_of(const std::string& name) {
  return name == "&amp;"    ? "&"
         : name == "&lt;"   ? "<"
         : name == "&gt;"   ? ">"
         : name == "&quot;" ? "\""
                            : "'";
}

struct Tag {
  std::string name;
  bool closing = false, closed = false;
  std::size_t end = 0;  // behind '>'
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string problem;
};

Tag read_tag(std::string_view html, std::size_t at) {
  Tag tag;
  ++at;
  if (at < html.size() && html[at] == '/') {
    tag.closing = true;
    ++at;
  }
  const auto word = [&] {
    const std::size_t from = at;
    while (at < html.size() && (std::isalnum(static_cast<unsigned char>(html[at])) ||
                                html[at] == '-' || html[at] == ':'))
      ++at;
    return std::string(html.substr(from, at - from));
  };
  const auto skip_space = [&] {
    while (at < html.size() && std::isspace(static_cast<unsigned char>(html[at]))) ++at;
  };
  tag.name = word();
  if (tag.name.empty()) tag.problem = "a bare '<'";
  while (tag.problem.empty()) {
    skip_space();
    if (at >= html.size()) {
      tag.problem = "a tag without an end";
    } else if (html[at] == '>') {
      tag.end = at + 1;
      return tag;
    } else if (html.substr(at, 2) == "/>") {
      tag.closed = true;
      tag.end = at + 2;
      return tag;
    } else {
      const std::string name = word();
      skip_space();
      if (name.empty() || at >= html.size() || html[at] != '=') {
        tag.problem = "a broken attribute in <" + tag.name;
        break;
      }
      ++at;
      skip_space();
      const char quote = at < html.size() ? html[at] : ' ';
      const std::size_t end =
          quote == '"' || quote == '\'' ? html.find(quote, at + 1) : std::string_view::npos;
      if (end == std::string_view::npos) {
        tag.problem = "an attribute without quotes in <" + tag.name;
        break;
      }
      tag.attributes.emplace_back(name, std::string(html.substr(at + 1, end - at - 1)));
      at = end + 1;
    }
  }
  tag.end = at + 1;
  return tag;
}

void check_fetches(std::string_view text, std::vector<std::string>& problems) {
  for (std::size_t at = text.find("url("); at != std::string_view::npos;
       at = text.find("url(", at + 1)) {
    std::string inside(text.substr(at + 4, 6));
    if (inside.starts_with('"') || inside.starts_with('\'')) inside.erase(0, 1);
    if (leads_out(inside)) problems.push_back("url(" + inside);
  }
  if (text.find("@import") != std::string_view::npos) problems.emplace_back("@import");
}

}  // namespace

std::vector<std::string> markup_problems(std::string_view html) {
  std::vector<std::string> problems, open;
  std::size_t at = 0;
  if (html.starts_with("<!DOCTYPE html>")) at = 15;
  while (at < html.size() && problems.size() < 20) {
    if (html[at] == '&') {
      if (entity(html.substr(at)).empty())
        problems.push_back("a bare '&': " + std::string(html.substr(at, 20)));
      ++at;
      continue;
    }
    if (html[at] != '<') {
      ++at;
      continue;
    }
    const Tag tag = read_tag(html, at);
    if (!tag.problem.empty())
      problems.push_back(tag.problem + ": " + std::string(html.substr(at, 40)));
    at = tag.end;
    for (const auto& [name, value] : tag.attributes) {
      const bool fetches = name == "src" || name == "href" || name == "xlink:href" ||
                           name == "srcset" || name == "data" || name == "action" ||
                           name == "poster";
      if (fetches && leads_out(value)) problems.push_back(name + "=" + value);
      if (name.starts_with("on")) problems.push_back("a handler: " + name);
      check_fetches(value, problems);
    }
    if (tag.name == "script" || tag.name == "iframe") problems.push_back("<" + tag.name);
    if (tag.closing) {
      if (open.empty() || open.back() != tag.name) {
        problems.push_back("</" + tag.name + "> closes <" +
                           (open.empty() ? "nothing" : open.back()));
      } else {
        open.pop_back();
      }
    } else if (!tag.closed && !is_void(tag.name)) {
      open.push_back(tag.name);
      if (tag.name == "style") {
        const std::size_t end = std::min(html.find("</style", at), html.size());
        check_fetches(html.substr(at, end - at), problems);
        at = end;
      }
    }
  }
  for (const std::string& name : open) problems.push_back("<" + name + "> is not closed");
  return problems;
}

std::string visible_text(std::string_view html) {
  std::string text;
  for (std::size_t at = 0; at < html.size();) {
    if (html[at] == '<') {
      at = read_tag(html, at).end;
    } else if (html[at] == '&' && !entity(html.substr(at)).empty()) {
      const std::string name = entity(html.substr(at));
      text += meaning_of(name);
      at += name.size();
    } else {
      text += html[at++];
    }
  }
  return text;
}

std::vector<std::string> latex_problems(const std::string& tex) {
  std::vector<std::string> problems;
  int depth = 0, columns = -1, in_row = 0;
  for (std::size_t at = tex.find("\\begin{tabular}"); at < tex.size(); ++at) {
    const char c = tex[at];
    if (c == '\\') {
      if (tex.substr(at, 2) == "\\\\" && depth == 0) {
        if (columns >= 0 && in_row != columns) problems.emplace_back("a row of another width");
        columns = in_row;
        in_row = 0;
      }
      // The next character is taken: \{ opens nothing, \& parts no cells.
      ++at;
      continue;
    }
    if (c == '{') ++depth;
    if (c == '}' && --depth < 0) problems.emplace_back("a brace too many");
    if (c == '&') ++in_row;
    if (std::string_view("$#_^~%").find(c) != std::string_view::npos)
      problems.push_back(std::string("a bare ") + c);
  }
  if (depth != 0) problems.emplace_back("braces do not balance");
  for (const char* rule : {"\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}"})
    if (tex.find(rule) == std::string::npos) problems.push_back(std::string("no ") + rule);
  return problems;
}

std::vector<std::vector<std::string>> parse_csv(std::string_view csv) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < csv.size(); ++i) {
    const char c = csv[i];
    if (quoted) {
      if (c != '"') {
        field += c;
      } else if (i + 1 < csv.size() && csv[i + 1] == '"') {
        field += csv[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      row.push_back(std::move(field));
      field.clear();
    } else if (c == '\r' && i + 1 < csv.size() && csv[i + 1] == '\n') {
      ++i;
      row.push_back(std::move(field));
      field.clear();
      rows.push_back(std::move(row));
      row.clear();
    } else {
      field += c;
    }
  }
  return rows;
}

}  // namespace rankscope::tests
