// SPDX-License-Identifier: BSD-3-Clause
// Numbers as people read them, with units.
#pragma once

#include <cstdint>
#include <string>

namespace fairlead::cli {

std::string format_count(std::int64_t value);  // "1,234,567"
std::string format_bytes(double bytes);        // "512 B", "1.5 KiB", "16.0 MiB"
std::string format_rate(
    double per_second, const char* unit
);                                            // "950 pps", "12.3 kpps", "1.20 Gbit/s"
std::string format_percent(double fraction);  // "12.35 %"
std::string format_microseconds(double us);   // "350 us", "1.25 ms", "2.00 s"
std::string format_age(double seconds);       // "120 ms", "41.0 s", "12m 5s", "3h 20m", "2d 4h"
std::string format_decimal(double value);     // "0.125", without trailing zeros

}  // namespace fairlead::cli
