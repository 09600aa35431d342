// SPDX-License-Identifier: BSD-3-Clause
// Logarithm, exponential and normal quantile from + - * / alone: the C library's differ in the last
// bit between versions and processors, and one different bit is another run. Built with
// -ffp-contract=off. Relative error below 1e-13 (quantile: 1.2e-9).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace fairlead::sim {

/// Natural logarithm. Requires: x > 0, normal.
inline double portable_log(double x) {
  auto bits = std::bit_cast<std::uint64_t>(x);
  auto exponent = static_cast<std::int64_t>(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
  double m = std::bit_cast<double>(bits);  // 1 .. 2
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double z = (m - 1) / (m + 1);  // |z| <= 0.172
  const double q = z * z;
  double sum = 1.0 / 17;
  sum = sum * q + 1.0 / 15;
  sum = sum * q + 1.0 / 13;
  sum = sum * q + 1.0 / 11;
  sum = sum * q + 1.0 / 9;
  sum = sum * q + 1.0 / 7;
  sum = sum * q + 1.0 / 5;
  sum = sum * q + 1.0 / 3;
  sum = sum * q + 1.0;
  return 2 * z * sum + static_cast<double>(exponent) * 0.69314718055994530942;
}

/// e to the x. Requires: |x| < 700.
inline double portable_exp(double x) {
  const double scaled = x * 1.4426950408889634074;
  const auto k = static_cast<std::int64_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  const double r = (x - static_cast<double>(k) * 0.693145751953125) -
                   static_cast<double>(k) * 1.42860682030941723212e-6;
  double sum = 1.0;
  for (int n = 13; n >= 1; --n) sum = 1 + r * sum / n;
  return sum * std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

/// Inverse of the normal distribution function (Acklam's rational approximation). Requires: 0<u<1.
inline double normal_quantile(double u) {
  if (u > 0.02425 && u < 0.97575) {
    const double q = u - 0.5;
    const double r = q * q;
    const double above =
        (((((-3.969683028665376e+01 * r + 2.209460984245205e+02) * r - 2.759285104469687e+02) * r +
           1.383577518672690e+02) *
              r -
          3.066479806614716e+01) *
             r +
         2.506628277459239e+00) *
        q;
    const double below =
        ((((-5.447609879822406e+01 * r + 1.615858368580409e+02) * r - 1.556989798598866e+02) * r +
          6.680131188771972e+01) *
             r -
         1.328068155288572e+01) *
            r +
        1;
    return above / below;
  }
  const double tail = u < 0.5 ? u : 1 - u;
  const double q = std::sqrt(-2 * portable_log(tail));
  const double above =
      ((((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e+00) * q -
        2.549732539343734e+00) *
           q +
       4.374664141464968e+00) *
          q +
      2.938163982698783e+00;
  const double below =
      (((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e+00) * q +
       3.754408661907416e+00) *
          q +
      1;
  return u < 0.5 ? above / below : -above / below;
}

}  // namespace fairlead::sim
