// SPDX-License-Identifier: BSD-3-Clause
// Attaches the gate and writes its vips.
#include <cerrno>
#include <cstring>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "dataplane/sys/unique_fd.hh"
#include "ebpf/gate.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/loader.hh"

namespace fairlead::ebpf {

namespace {

/// The first six bytes of a frame to the interface, as fl_gate_mac holds them.
base::Result<std::uint64_t> mac_of(const std::string& interface) {
  const sys::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  if (!socket.valid() || ::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) {
    return base::system_error("read the MAC address of " + interface, errno);
  }
  std::uint64_t mac = 0;
  std::memcpy(&mac, request.ifr_hwaddr.sa_data, 6);
  return mac;
}

}  // namespace

base::Result<Gate> Gate::attach(const std::string& interface, const std::string& bpffs_dir) {
  std::size_t bytes = 0;
  const void* const elf = gate_bpf__elf_bytes(&bytes);
  FL_ASSIGN(
      auto program,
      PinnedProgram::attach(
          {.object = {static_cast<const std::byte*>(elf), bytes},
           .program = "xsk_def_prog",
           .link_name = "gate_link"},
          interface,
          bpffs_dir
      )
  );
  FL_ASSIGN(const std::uint64_t mac, mac_of(interface));
  const std::uint32_t first = 0;
  if (bpf_map_update_elem(program.map_fd("fl_gate_mac"), &first, &mac, BPF_ANY) != 0) {
    return base::system_error("tell the gate the MAC address of " + interface, errno);
  }
  return Gate(std::move(program));
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
