// SPDX-License-Identifier: BSD-3-Clause
// Builds the chains of pools that maglev.py sends and prints every table by backend ids.
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "control/steering/keyed_hash.hh"
#include "control/steering/maglev.hh"

using namespace fairlead::steering;

int main() {
  HashKey key{};
  std::uint32_t size = 0;
  bool first = true;
  std::vector<std::string> owners;  // of the previous table
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream in(line);
    std::string word;
    in >> word;
    if (word == "chain") {
      in >> size >> key[0] >> key[1];
      first = true;
      continue;
    }
    std::vector<std::string> ids;
    std::vector<MaglevBackend> backends;
    std::map<std::string, std::uint32_t> position;
    while (in >> word) {
      const auto equal = word.rfind('=');
      ids.push_back(word.substr(0, equal));
      position[ids.back()] = static_cast<std::uint32_t>(backends.size());
      const auto weight = static_cast<std::uint32_t>(std::stoul(word.substr(equal + 1)));
      backends.push_back({keyed_hash(key, ids.back()), weight});
    }
    std::vector<std::uint32_t> previous;
    if (!first)
      for (const std::string& owner : owners)
        previous.push_back(position.count(owner) > 0 ? position[owner] : kNobody);
    const auto table = build_table(backends, previous, size);
    if (!table) {
      std::cerr << table.error().what << "\n";
      return 1;
    }
    owners.clear();
    for (std::size_t s = 0; s < table->slots.size(); ++s) {
      owners.push_back(ids[table->slots[s]]);
      std::cout << (s > 0 ? " " : "") << owners.back();
    }
    std::cout << "\n";
    first = false;
  }
  return 0;
}
