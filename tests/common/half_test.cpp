#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "common/half.h"

using namespace rankscope;

namespace {

// By the formats' definitions, in double and without bit tricks.
double decode(int bits, int exponent_bits, int fraction_bits) {
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double sign = bits >> (exponent_bits + fraction_bits) ? -1.0 : 1.0;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double part = std::ldexp(fraction, -fraction_bits);
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(part, 1 - bias);
  return sign * std::ldexp(1 + part, exponent - bias);
}

bool same(float a, double b) {
  return std::isnan(b) ? std::isnan(a) : a == b && std::signbit(a) == std::signbit(b);
}

struct Format {
  float (*widen)(std::uint16_t);
  std::uint16_t (*narrow)(float);
  int exponent_bits;
  int fraction_bits;
};
const Format kBf16{bf16_to_float, float_to_bf16, 8, 7};
const Format kF16{f16_to_float, float_to_f16, 5, 10};

}  // namespace

TEST_CASE("all 65,536 halves convert to float exactly and come back") {
  for (const Format& format : {kBf16, kF16}) {
    int wrong = 0;
    for (int bits = 0; bits < 65536; ++bits) {
      const float value = format.widen(static_cast<std::uint16_t>(bits));
      wrong += !same(value, decode(bits, format.exponent_bits, format.fraction_bits));
      const int back = format.narrow(value);
      const bool nan = std::isnan(value);
      wrong += nan ? !std::isnan(format.widen(static_cast<std::uint16_t>(back))) : back != bits;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("floats between neighbouring halves go to the nearest, ties to even") {
  for (const Format& format : {kBf16, kF16}) {
    int wrong = 0;
    const int infinity = ((1 << format.exponent_bits) - 1) << format.fraction_bits;
    for (int bits = 0; bits < infinity; ++bits) {
      const double low = decode(bits, format.exponent_bits, format.fraction_bits);
      // Above the largest finite value stands what the next would be, were there one.
      double high = decode(bits + 1, format.exponent_bits, format.fraction_bits);
      if (std::isinf(high))
        high = low + (low - decode(bits - 1, format.exponent_bits, format.fraction_bits));
      const float middle = static_cast<float>((low + high) / 2);
      if (static_cast<double>(middle) != (low + high) / 2) continue;  // below float's subnormals
      const float below = std::nextafter(middle, 0.0f);
      const float above = std::nextafter(middle, std::numeric_limits<float>::infinity());
      for (const int sign : {0, 0x8000}) {
        const auto narrow = [&](float value) { return format.narrow(sign ? -value : value); };
        wrong += narrow(below) != (sign | (below >= low ? bits : bits - 1));
        wrong += narrow(middle) != (sign | (bits % 2 == 0 ? bits : bits + 1));
        wrong += narrow(above) != (sign | (bits + 1));
      }
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("what does not fit becomes infinity, and NaN stays NaN") {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(float_to_f16(65519.996f) == 0x7bff);
  CHECK(float_to_f16(65520.0f) == 0x7c00);
  CHECK(float_to_f16(-infinity) == 0xfc00);
  CHECK(float_to_f16(std::numeric_limits<float>::max()) == 0x7c00);
  CHECK(float_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
  CHECK(float_to_bf16(infinity) == 0x7f80);
  // A signalling NaN whose payload lies in the bits that are cut off.
  const float nan = std::bit_cast<float>(0x7f800001u);
  CHECK(std::isnan(bf16_to_float(float_to_bf16(nan))));
  CHECK(std::isnan(f16_to_float(float_to_f16(nan))));
  CHECK(float_to_f16(std::bit_cast<float>(0x33000000u)) == 0);  // 2^-25, a tie, to even
  CHECK(float_to_f16(std::bit_cast<float>(0x33000001u)) == 1);  // just above
  CHECK(float_to_f16(std::numeric_limits<float>::denorm_min()) == 0);
}
