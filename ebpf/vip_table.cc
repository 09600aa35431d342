// SPDX-License-Identifier: BSD-3-Clause
// Builds vip keys and shapes, and updates the maps without a gap.
#include "ebpf/vip_table.hh"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <set>
#include <string>
#include <tuple>

#include <arpa/inet.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "ebpf/bpffs.hh"

namespace fairlead::ebpf {
namespace {

struct KeyLess {
  bool operator()(const fl_vip_key& a, const fl_vip_key& b) const {
    return std::memcmp(&a, &b, sizeof a) < 0;
  }
};
using KeySet = std::set<fl_vip_key, KeyLess>;

fl_vip_key make_key(const ServedVip& vip, std::uint8_t protocol, std::uint16_t port) {
  fl_vip_key key{};
  std::memcpy(key.address, vip.prefix.address.masked(vip.prefix.length).bytes.data(), 16);
  key.family = static_cast<std::uint8_t>(vip.prefix.address.family);
  key.prefix_len = static_cast<std::uint8_t>(vip.prefix.length);
  key.protocol = protocol;
  key.any_port = port == 0 ? 1 : 0;
  key.port = htons(port);
  return key;
}

fl_vip_shape make_shape(const ServedVip& vip) {
  fl_vip_shape s{};
  s.shape.family = static_cast<std::uint8_t>(vip.prefix.address.family);
  s.shape.prefix_len = static_cast<std::uint8_t>(vip.prefix.length);
  s.shape.any_port = vip.port == 0 ? 1 : 0;
  net::IpAddr ones{.bytes = {}, .family = vip.prefix.address.family};
  ones.bytes.fill(0xff);
  std::memcpy(s.mask, ones.masked(vip.prefix.length).bytes.data(), 16);
  if (vip.prefix.address.is_v4()) std::memset(&s.mask[1], 0, 12);
  return s;
}

/// Most specific first.
auto order_of(const fl_vip_shape& s) {
  return std::make_tuple(s.shape.family, -int{s.shape.prefix_len}, s.shape.any_port);
}

base::Result<void> add_keys(const VipTable& table, int fd) {
  const KeySet quiet(table.quiet.begin(), table.quiet.end());
  for (const fl_vip_key& key : table.keys) {
    const std::uint32_t value = FL_VIP_SERVED | (quiet.contains(key) ? FL_VIP_KERNEL_ECHOES : 0);
    if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) != 0)
      return bpf_error("write vip map", errno);
  }
  return {};
}

base::Result<void> remove_other_keys(const KeySet& keys, int fd) {
  std::vector<fl_vip_key> stale;
  fl_vip_key key{};
  for (int r = bpf_map_get_next_key(fd, nullptr, &key); r == 0;) {
    if (!keys.contains(key)) stale.push_back(key);
    const fl_vip_key previous = key;
    r = bpf_map_get_next_key(fd, &previous, &key);
  }
  for (const fl_vip_key& k : stale) {
    if (bpf_map_delete_elem(fd, &k) != 0 && errno != ENOENT) {
      return bpf_error("remove from vip map", errno);
    }
  }
  return {};
}

base::Result<void> publish_shapes(const std::vector<fl_vip_shape>& shapes, int fd) {
  const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  static_assert(sizeof(fl_vip_shapes) <= 4096, "one page");
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return bpf_error("map vip shapes", errno);
  auto* const page = static_cast<fl_vip_shapes*>(memory);
  const std::uint32_t spare = (page->current & 1u) ^ 1u;
  std::copy(shapes.begin(), shapes.end(), page->bank[spare]);
  page->count[spare] = static_cast<std::uint32_t>(shapes.size());
  std::atomic_ref<std::uint32_t>(page->current).store(spare, std::memory_order_release);
  ::munmap(memory, bytes);
  return {};
}

}  // namespace

base::Result<VipTable> build_vip_table(std::span<const ServedVip> vips) {
  if (vips.size() > FL_MAX_VIPS) {
    return base::invalid(
        std::to_string(vips.size()) + " vips: at most " + std::to_string(FL_MAX_VIPS) +
        " fit; split them over several fleets"
    );
  }
  VipTable table;
  KeySet keys;
  KeySet quiet;
  for (const ServedVip& vip : vips) {
    if (vip.protocol != net::IpProto::kTcp && vip.protocol != net::IpProto::kUdp) {
      return base::invalid("vip " + vip.prefix.to_string() + ": protocol must be tcp or udp");
    }
    keys.insert(make_key(vip, static_cast<std::uint8_t>(vip.protocol), vip.port));
    keys.insert(make_key(vip, FL_VIP_KEY_ADDRESS, 0));
    if (vip.kernel_echoes) quiet.insert(make_key(vip, FL_VIP_KEY_ADDRESS, 0));
    const fl_vip_shape shape = make_shape(vip);
    const bool known = std::any_of(table.shapes.begin(), table.shapes.end(), [&](const auto& s) {
      return order_of(s) == order_of(shape);
    });
    if (!known) table.shapes.push_back(shape);
  }
  if (table.shapes.size() > FL_MAX_SHAPES) {
    return base::invalid(
        "vips have " + std::to_string(table.shapes.size()) +
        " different combinations of family, prefix length and exact or any port; at most " +
        std::to_string(FL_MAX_SHAPES) + " fit"
    );
  }
  std::sort(table.shapes.begin(), table.shapes.end(), [](const auto& a, const auto& b) {
    return order_of(a) < order_of(b);
  });
  table.keys.assign(keys.begin(), keys.end());
  table.quiet.assign(quiet.begin(), quiet.end());
  return table;
}

base::Result<void> write_vip_table(const VipTable& table, int vips_fd, int shapes_fd) {
  const KeySet keys(table.keys.begin(), table.keys.end());
  FL_TRY(add_keys(table, vips_fd));
  FL_TRY(publish_shapes(table.shapes, shapes_fd));
  return remove_other_keys(keys, vips_fd);
}

}  // namespace fairlead::ebpf
