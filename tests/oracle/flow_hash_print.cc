// SPDX-License-Identifier: BSD-3-Clause
// Prints hash and candidate slots of tuples read from standard input, for flow_hash.py.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>

#include "dataplane/steer/flow_hash.h"

namespace {

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    std::uint64_t key[2];
    std::string source;
    std::string destination;
    unsigned sport = 0;
    unsigned dport = 0;
    unsigned protocol = 0;
    std::uint32_t size = 0;
    in >> key[0] >> key[1] >> source >> destination >> sport >> dport >> protocol >> size;
    const unsigned char wire[4] = {
        static_cast<unsigned char>(sport >> 8),
        static_cast<unsigned char>(sport),
        static_cast<unsigned char>(dport >> 8),
        static_cast<unsigned char>(dport),
    };
    std::uint32_t ports = 0;
    std::memcpy(&ports, wire, sizeof ports);
    const std::string addresses = bytes_of(source) + bytes_of(destination);
    std::uint64_t words[4] = {};
    std::memcpy(words, addresses.data(), addresses.size());
    const auto proto = static_cast<std::uint8_t>(protocol);
    const std::uint64_t hash = addresses.size() == 8 ? fl_flow_hash4(key, words[0], ports, proto)
                                                     : fl_flow_hash6(key, words, ports, proto);
    std::printf("%" PRIu64, hash);
    for (std::uint32_t c = 0; c < 4; ++c)
      std::printf(" %" PRIu32, fl_candidate_slot(hash, c, size));
    std::printf("\n");
  }
  return 0;
}
