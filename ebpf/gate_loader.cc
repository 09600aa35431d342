// SPDX-License-Identifier: BSD-3-Clause
// Attaches the gate and writes its vips.
#include "ebpf/gate.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/loader.hh"

namespace fairlead::ebpf {

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
