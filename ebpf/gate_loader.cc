// SPDX-License-Identifier: BSD-3-Clause
// Attaches the gate and writes its vips.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <net/if.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/net/outer_policy.hh"
#include "ebpf/bpffs.hh"
#include "ebpf/exit_watch.hh"
#include "ebpf/gate.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/loader.hh"
#include "ebpf/mac_word.hh"

namespace fairlead::ebpf {

namespace {

std::uint64_t as_word(const net::MacAddr& mac) {
  std::uint64_t word = 0;
  std::memcpy(&word, mac.bytes.data(), mac.bytes.size());
  return word;
}

/// The next hops that a predecessor wrote hold until they are set again.
base::Result<fl_gate_settings> settings_for(
    const PinnedProgram& program, const GateRegions& regions
) {
  const std::string& interface = program.interface();
  const std::uint32_t first = 0;
  fl_gate_settings settings{};
  if (bpf_map_lookup_elem(program.map_fd("fl_gate_settings"), &first, &settings) != 0) {
    return bpf_error("read the gate's settings", errno);
  }
  FL_ASSIGN(settings.own, mac_word(interface));
  FL_ASSIGN(const bool redirects, sends_by_redirect(interface));
  settings.tx_ifindex = redirects ? ::if_nametoindex(interface.c_str()) : 0;
  settings.bank_lines = static_cast<std::uint32_t>(regions.bank_bytes / FL_LINE_BYTES);
  settings.bucket_mask = static_cast<std::uint32_t>(regions.buckets - 1);
  return settings;
}

base::Result<void> write(const fl_gate_settings& settings, const PinnedProgram& program) {
  const std::uint32_t first = 0;
  if (bpf_map_update_elem(program.map_fd("fl_gate_settings"), &first, &settings, BPF_ANY) != 0) {
    return bpf_error("write the gate's settings", errno);
  }
  return {};
}

/// Each CPU's identifications begin elsewhere, and elsewhere than the workers'. Those that are
/// being counted already go on.
base::Result<void> begin_outer_ids(const PinnedProgram& program) {
  const int fd = program.map_fd("fl_gate_outer_id");
  const std::uint32_t first = 0;
  std::vector<std::uint64_t> ids(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  if (bpf_map_lookup_elem(fd, &first, ids.data()) != 0)
    return bpf_error("read the gate's identifications", errno);
  if (std::any_of(ids.begin(), ids.end(), [](std::uint64_t id) { return id != 0; })) return {};
  unsigned number = FL_MAX_WORKERS;
  for (std::uint64_t& id : ids) id = net::first_outer_id(number++);
  if (bpf_map_update_elem(fd, &first, ids.data(), BPF_ANY) != 0)
    return bpf_error("write the gate's identifications", errno);
  return {};
}

}  // namespace

base::Result<Gate> Gate::attach(
    const std::string& interface,
    const std::string& bpffs_dir,
    const GateRegions& regions,
    std::span<const ServedVip> vips
) {
  std::size_t bytes = 0;
  const void* const elf = gate_bpf__elf_bytes(&bytes);
  PinnedProgram::Source source{
      .object = {static_cast<const std::byte*>(elf), bytes},
      .program = "xsk_def_prog",
      .link_name = "gate_link",
      .features = gate_features(),
      .binds_sockets = true};
  if (regions.steering >= 0) {
    source.shared = {
        {"fl_steering", regions.steering},
        {"fl_score_lines", regions.scores},
        {"fl_worker_lines", regions.workers}};
    source.outer = OuterMap{"fl_flow_tables", regions.flows};
  }
  fl_gate_settings settings{};
  source.fill = [&](const PinnedProgram& loaded) -> base::Result<void> {
    FL_ASSIGN(settings, settings_for(loaded, regions));
    FL_TRY(write(settings, loaded));
    FL_TRY(begin_outer_ids(loaded));
    if (!loaded.maps_renewed()) return {};
    FL_ASSIGN(const VipTable table, build_vip_table(vips));
    return write_vip_table(table, loaded.map_fd("fl_vips"), loaded.map_fd("fl_vip_shapes"));
  };
  FL_ASSIGN(auto program, PinnedProgram::attach(source, interface, bpffs_dir));
  Gate gate(std::move(program), settings, bpffs_dir);
  if (regions.workers >= 0) {
    const auto watching = watch_exits(regions.workers, bpffs_dir);
    if (!watching) gate.blind_to_exits_ = watching.error().what;
  }
  return gate;
}

base::Result<void> Gate::detach() {
  unwatch_exits(bpffs_dir_);
  return program_.detach();
}

base::Result<void> Gate::set_hops(const GateHops& hops) {
  const int fd = program_.map_fd("fl_gate_macs");
  for (const auto& [backend, mac] : hops.backends) {
    const auto known = hops_.backends.find(backend);
    if (known != hops_.backends.end() && known->second == mac) continue;
    const std::uint64_t word = as_word(mac);
    if (bpf_map_update_elem(fd, &backend, &word, BPF_ANY) != 0) {
      return bpf_error("write a backend's MAC address", errno);
    }
  }
  if (!hops.own.is_zero()) settings_.own = as_word(hops.own);
  settings_.gateway4 = as_word(hops.gateway4);
  settings_.gateway6 = as_word(hops.gateway6);
  settings_.mtu = hops.mtu;
  hops_ = hops;
  return write(settings_, program_);
}

base::Result<void> Gate::set_vips(std::span<const ServedVip> vips) {
  FL_ASSIGN(const VipTable table, build_vip_table(vips));
  return write_vip_table(table, program_.map_fd("fl_vips"), program_.map_fd("fl_vip_shapes"));
}

base::Result<std::vector<XdpCounter>> Gate::counters() const {
  std::vector<XdpCounter> counters = {
#define FL_GATE_ROW(e, n, t) XdpCounter{.name = n, .text = t, .packets = 0},
      FL_GATE_COUNTERS(FL_GATE_ROW)
#undef FL_GATE_ROW
  };
  FL_TRY(program_.read_counters("fl_gate_count", counters));
  return counters;
}

}  // namespace fairlead::ebpf
