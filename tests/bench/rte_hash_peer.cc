// SPDX-License-Identifier: BSD-3-Clause
// The only file of the benchmarks that knows DPDK.
#include "tests/bench/rte_hash_peer.hh"

#include <string>

#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_hash.h>
#include <rte_memory.h>

namespace fairlead::bench {
namespace {

/// As large as an IPv4 tuple, padded.
struct Key {
  std::uint64_t addresses;
  std::uint64_t rest;
};

Key key_of(std::uint64_t flow) {
  return {flow * 0x9e3779b97f4a7c15ULL, flow};
}

bool start_eal() {
  static const bool started = [] {
    std::string words[] = {
        "bench",
        "--no-huge",
        "--no-pci",
        "--no-telemetry",
        "-m",
        "2048",
        "-l",
        "0",
        "--log-level",
        "1"};
    char* argv[std::size(words)];
    for (std::size_t i = 0; i < std::size(words); ++i) argv[i] = words[i].data();
    if (rte_eal_init(static_cast<int>(std::size(words)), argv) < 0) return false;
    // The same pages as our own table has, where the kernel grants them.
    rte_memseg_walk(
        [](const rte_memseg_list*, const rte_memseg* segment, void*) {
          madvise(segment->addr, segment->len, MADV_HUGEPAGE);
          return 0;
        },
        nullptr
    );
    return true;
  }();
  return started;
}

}  // namespace

RteHashPeer::RteHashPeer(std::uint64_t flows, HashOf hash_of) : flows_(flows), hash_of_(hash_of) {
  if (!start_eal()) return;
  const std::string name = "flows" + std::to_string(flows);
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = static_cast<std::uint32_t>(flows + flows / 4);  // 80 % load, as ours
  parameters.key_len = sizeof(Key);
  parameters.socket_id = 0;
  table_ = rte_hash_create(&parameters);
  if (table_ == nullptr) return;
  whole_ = true;
  for (std::uint64_t flow = 0; flow < flows && whole_; ++flow) {
    const Key key = key_of(flow);
    whole_ = rte_hash_add_key_with_hash_data(
                 table_, &key, static_cast<hash_sig_t>(hash_of_(flow)), reinterpret_cast<void*>(1)
             ) == 0;
  }
}

RteHashPeer::~RteHashPeer() {
  rte_hash_free(table_);
}

std::uint64_t RteHashPeer::lookup(const std::uint64_t* numbers, unsigned count) const {
  Key keys[RTE_HASH_LOOKUP_BULK_MAX];
  const void* at[RTE_HASH_LOOKUP_BULK_MAX];
  hash_sig_t hashes[RTE_HASH_LOOKUP_BULK_MAX];
  void* data[RTE_HASH_LOOKUP_BULK_MAX] = {};
  for (unsigned i = 0; i < count; ++i) {
    keys[i] = key_of(numbers[i]);
    at[i] = &keys[i];
    hashes[i] = static_cast<hash_sig_t>(hash_of_(numbers[i]));
  }
  std::uint64_t hits = 0;
  (void)rte_hash_lookup_with_hash_bulk_data(table_, at, hashes, count, &hits, data);
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < count; ++i) sum += reinterpret_cast<std::uintptr_t>(data[i]);
  return sum;
}

}  // namespace fairlead::bench
