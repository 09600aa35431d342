// SPDX-License-Identifier: BSD-3-Clause
// Attaches the decapsulator and writes its vips and sources.
#include "ebpf/decap_loader.hh"

#include <cerrno>
#include <cstring>

#include <net/if.h>

#include <bpf/bpf.h>

#include "ebpf/bpffs.hh"
#include "ebpf/decap.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/include/decap_settings.h"
#include "ebpf/include/sources.h"
#include "ebpf/mac_word.hh"

namespace fairlead::ebpf {
namespace {

fl_source_key make_key(const net::Prefix& source) {
  fl_source_key key{};
  key.prefix_bits = FL_SOURCE_FAMILY_BITS + static_cast<std::uint32_t>(source.length);
  key.family = static_cast<std::uint32_t>(source.address.family);
  std::memcpy(key.address, source.address.masked(source.length).bytes.data(), 16);
  return key;
}

bool contains(std::span<const fl_source_key> keys, const fl_source_key& key) {
  for (const fl_source_key& k : keys) {
    if (std::memcmp(&k, &key, sizeof key) == 0) return true;
  }
  return false;
}

base::Result<void> remove_others(int fd, std::span<const fl_source_key> keep) {
  std::vector<fl_source_key> stale;
  fl_source_key key{};
  for (int r = bpf_map_get_next_key(fd, nullptr, &key); r == 0;) {
    if (!contains(keep, key)) stale.push_back(key);
    const fl_source_key previous = key;
    r = bpf_map_get_next_key(fd, &previous, &key);
  }
  for (const fl_source_key& k : stale) {
    if (bpf_map_delete_elem(fd, &k) != 0 && errno != ENOENT) {
      return bpf_error("remove from map of nodes", errno);
    }
  }
  return {};
}

base::Result<void> write_settings(const PinnedProgram& program) {
  FL_ASSIGN(const bool redirects, sends_by_redirect(program.interface()));
  FL_ASSIGN(const std::uint64_t own, mac_word(program.interface()));
  const fl_decap_settings settings{
      .tx_ifindex = redirects ? ::if_nametoindex(program.interface().c_str()) : 0,
      .reserved = 0,
      .own = own};
  const std::uint32_t first = 0;
  if (bpf_map_update_elem(program.map_fd("fl_decap_settings"), &first, &settings, BPF_ANY) != 0) {
    return bpf_error("write the decapsulator's settings", errno);
  }
  return {};
}

base::Result<void> write_sources(const Decap::Content& content, int fd) {
  const std::size_t count = content.nodes.size() + content.backends.size();
  if (count > FL_SOURCE_MAX) {
    return base::invalid(
        std::to_string(count) + " addresses of nodes and backends: at most " +
        std::to_string(FL_SOURCE_MAX) + " fit; use prefixes"
    );
  }
  std::vector<fl_source_key> keys;
  const auto add = [&](const net::Prefix& source, std::uint32_t kind) {
    keys.push_back(make_key(source));
    return bpf_map_update_elem(fd, &keys.back(), &kind, BPF_ANY) == 0;
  };
  bool written = true;
  for (const net::Prefix& one : content.backends) written = written && add(one, FL_SOURCE_BACKEND);
  // After them: a host that is both is a node.
  for (const net::Prefix& one : content.nodes) written = written && add(one, FL_SOURCE_NODE);
  if (!written) return bpf_error("write map of nodes", errno);
  return remove_others(fd, keys);
}

base::Result<void> fill(const PinnedProgram& program, const Decap::Content& content) {
  FL_ASSIGN(const VipTable table, build_vip_table(content.vips));
  FL_TRY(write_settings(program));
  FL_TRY(write_sources(content, program.map_fd("fl_sources")));
  return write_vip_table(table, program.map_fd("fl_vips"), program.map_fd("fl_vip_shapes"));
}

}  // namespace

base::Result<Decap> Decap::attach(
    const std::string& interface, const std::string& bpffs_dir, const Content& content
) {
  std::size_t bytes = 0;
  const void* const elf = decap_bpf__elf_bytes(&bytes);
  FL_ASSIGN(
      auto program,
      PinnedProgram::attach(
          {.object = {static_cast<const std::byte*>(elf), bytes},
           .program = "fl_decap",
           .link_name = "decap_link",
           .features = decap_features(),
           .fill = [&](const PinnedProgram& loaded) { return fill(loaded, content); }},
          interface,
          bpffs_dir
      )
  );
  return Decap(std::move(program));
}

base::Result<std::vector<XdpCounter>> Decap::counters() const {
  std::vector<XdpCounter> counters = {
#define FL_DECAP_ROW(e, n, t) XdpCounter{.name = n, .text = t, .packets = 0},
      FL_DECAP_COUNTERS(FL_DECAP_ROW)
#undef FL_DECAP_ROW
  };
  FL_TRY(program_.read_counters("fl_decap_count", counters));
  return counters;
}

}  // namespace fairlead::ebpf
