// SPDX-License-Identifier: BSD-3-Clause
// What GLB's own tests publish about its director (github/glb-director: tests of glb-director and
// of its command line), as far as a backend sees it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fairlead::testing {

/// GLB's published vectors: a client and the backends of its packets, the outer destination first.
struct GlbVector {
  std::string client;
  std::uint16_t port;
  unsigned outer_port;  // where it is published
  std::vector<std::string> via;
};
inline const std::vector<GlbVector> kGlbVectors = {
    {"10.11.12.13", 45678, 61139, {"3.4.5.6", "2.3.4.5"}},
    {"127.1.0.1", 45678, 40000, {"1.2.3.4", "2.3.4.5"}},
    {"10.11.12.13", 45678, 40000, {"1.2.3.4", "2.3.4.5"}},  // hashed by address and port
    {"10.11.12.13", 45679, 40000, {"1.2.3.4", "3.4.5.6"}},
    {"10.11.12.13", 45680, 40000, {"2.3.4.5", "3.4.5.6"}},
    {"10.11.12.13", 45678, 40000, {"1.2.3.4", "2.3.4.5", "3.4.5.6", "2.3.4.5"}},  // and the other
    {"fd91:79d3:d621::1234", 45678, 40000, {"5.6.7.8", "6.7.8.9"}},
};

}  // namespace fairlead::testing
