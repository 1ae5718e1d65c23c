// What opening, reading and a child process end in, as text.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

namespace rankscope::tests {

constexpr std::chrono::milliseconds kNoWait{0};

// The InputError of opening the store, and of reading some views of a folder's results.
std::string open_error(const std::filesystem::path& db);
std::string read_error(const std::filesystem::path& folder);

// Runs `action` after `prepare` in a child process and returns what it throws: "KIND: text", or ""
// for nothing.
std::string in_child(const std::function<void()>& prepare, const std::function<void()>& action);

// The superuser may write anywhere: a child gives that up.
void become_nobody();

}  // namespace rankscope::tests
