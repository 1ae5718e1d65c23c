// What every fuzz target defines.
#pragma once

#include <cstddef>
#include <cstdint>

// Feeds the bytes to the code under test. Returns 0. The code may refuse them with an InputError;
// any other exception, crash or sanitizer report is a fault.
int fuzz_one(const std::uint8_t* data, std::size_t size);
