// gnuplot's SVG files as parts of a page.
#pragma once

#include <string>
#include <string_view>

namespace rankscope {

// Small images keep their pixels instead of being smoothed: for the file itself.
std::string with_sharp_images(std::string_view svg);

// The <svg> element alone, without a prolog. Its ids begin with `name`, so that several stand in
// one page; `label`, any text, is what a screen reader says. Colours stay; black strokes and texts
// are named by attributes that the page's style sheet finds.
std::string inline_svg(std::string_view svg, const std::string& name, std::string_view label,
                       int width, int height);

}  // namespace rankscope
