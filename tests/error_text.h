// What an expression throws, as text that a test can look into.
#pragma once

#include <string>
#include <utility>

namespace rankscope::tests {

// The what() of the `Expected` error that `action` throws; "nothing was thrown" where it throws
// none. Other exceptions pass through and fail the test.
template <typename Expected, typename Action>
std::string error_text(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const Expected& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace rankscope::tests
