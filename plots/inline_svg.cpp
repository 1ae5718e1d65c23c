#include "plots/inline_svg.h"

#include <fmt/format.h>

#include <array>

#include "plots/escape.h"

namespace rankscope {

namespace {

std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t found = text.find(what); found != std::string_view::npos;
       found = text.find(what, at)) {
    out += text.substr(at, found - at);
    out += with;
    at = found + what.size();
  }
  out += text.substr(at);
  return out;
}

}  // namespace

std::string with_sharp_images(std::string_view svg) {
  return replaced(svg, "<image ", "<image style='image-rendering:pixelated' ");
}

std::string inline_svg(std::string_view svg, const std::string& name, std::string_view label,
                       int width, int height) {
  const std::size_t open = svg.find("<svg");
  const std::size_t content = open == std::string_view::npos ? open : svg.find('>', open);
  if (content == std::string_view::npos) return {};
  std::string body(svg.substr(content + 1));
  // Text of the figure cannot look like these: gnuplot writes < in it as &lt;, and an id's quote
  // stands in a tag alone. A text that holds one of these words keeps its look but for the name in
  // it.
  const std::array<std::string_view, 5> places{" id=\"", " id='", "url(#", "href='#", "href=\"#"};
  for (const std::string_view place : places)
    body = replaced(body, place, std::string(place) + name + "-");
  // Titles would be said, or shown under the pointer, in the place of the label: gnuplot's are its
  // own name, and what was plotted.
  std::string out;
  std::size_t at = 0;
  for (std::size_t found = body.find("<title>"); found != std::string::npos;
       found = body.find("<title>", at)) {
    const std::size_t end = body.find("</title>", found);
    if (end == std::string::npos) break;
    out += body.substr(at, found - at);
    at = end + 8;
  }
  out += body.substr(at);
  return fmt::format(
      "<svg class=\"plot\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {} {}\" width=\"{}\" "
      "height=\"{}\">{}",
      html_text(label), width, height, width, height, out);
}

}  // namespace rankscope
