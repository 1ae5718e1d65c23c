// The trainer's settings as the files that configure it may write them.
#pragma once

#include <map>
#include <string>

namespace rankscope {

// The settings of the trainer, with their defaults as text. Steps and seeds are not among them.
const std::map<std::string, std::string>& training_settings();

}  // namespace rankscope
