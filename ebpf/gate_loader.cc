// SPDX-License-Identifier: BSD-3-Clause
// Loads, attaches and ends the gate.
#include <cerrno>
#include <utility>

#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/base/scope_exit.hh"
#include "ebpf/bpffs.hh"
#include "ebpf/gate.skel.h"
#include "ebpf/include/counters.h"
#include "ebpf/loader.hh"
#include "ebpf/pinned_object.hh"

namespace fairlead::ebpf {
namespace {

std::string link_pin(const std::string& dir) { return dir + "/gate_link"; }

base::Result<gate_bpf*> open_with_pins(const std::string& dir) {
  gate_bpf* skeleton = gate_bpf__open();
  if (skeleton == nullptr) return bpf_error("open gate program", errno);
  if (auto pinned = pin_maps(skeleton->obj, dir); !pinned) {
    gate_bpf__destroy(skeleton);
    return tl::unexpected(std::move(pinned.error()));
  }
  return skeleton;
}

}  // namespace

base::Result<Gate> Gate::attach(const std::string& interface, const std::string& bpffs_dir) {
  capture_libbpf_messages();
  FL_ASSIGN(const int ifindex, interface_index(interface));
  FL_TRY(ensure_bpffs(bpffs_dir));

  Gate gate;
  gate.interface_ = interface;
  gate.bpffs_dir_ = bpffs_dir;
  FL_ASSIGN(gate.skeleton_, open_with_pins(bpffs_dir));
  int r = gate_bpf__load(gate.skeleton_);
  if (r == -EINVAL && ::access((bpffs_dir + "/xsks_map").c_str(), F_OK) == 0) {
    // A pinned map of another layout: start with fresh ones. libbpf objects load only once.
    unpin_maps(gate.skeleton_->obj, bpffs_dir);
    gate_bpf__destroy(std::exchange(gate.skeleton_, nullptr));
    FL_ASSIGN(gate.skeleton_, open_with_pins(bpffs_dir));
    r = gate_bpf__load(gate.skeleton_);
    gate.sockets_lost_ = true;
  }
  if (r != 0) return bpf_error("load gate program", -r);

  const int program = bpf_program__fd(gate.skeleton_->progs.xsk_def_prog);
  FL_ASSIGN(gate.link_, attach_pinned_xdp(interface, ifindex, program, link_pin(bpffs_dir)));
  FL_ASSIGN(gate.mode_, xdp_attach_mode(interface, ifindex));
  return gate;
}

Gate::Gate(Gate&& other) noexcept { *this = std::move(other); }

Gate& Gate::operator=(Gate&& other) noexcept {
  std::swap(skeleton_, other.skeleton_);
  std::swap(link_, other.link_);
  std::swap(interface_, other.interface_);
  std::swap(bpffs_dir_, other.bpffs_dir_);
  std::swap(mode_, other.mode_);
  std::swap(sockets_lost_, other.sockets_lost_);
  return *this;
}

Gate::~Gate() { gate_bpf__destroy(skeleton_); }

base::Result<void> Gate::set_vips(std::span<const ServedVip> vips) {
  FL_ASSIGN(const VipTable table, build_vip_table(vips));
  return write_vip_table(
      table,
      bpf_map__fd(skeleton_->maps.fl_vips),
      bpf_map__fd(skeleton_->maps.fl_vip_shapes)
  );
}

base::Result<std::vector<XdpCounter>> Gate::counters() const {
  std::vector<XdpCounter> counters = {
#define FL_GATE_ROW(e, n, t) XdpCounter{.name = n, .text = t, .packets = 0},
      FL_GATE_COUNTERS(FL_GATE_ROW)
#undef FL_GATE_ROW
  };
  FL_ASSIGN(
      const auto values,
      read_counters(bpf_map__fd(skeleton_->maps.fl_gate_count), FL_GATE_COUNTER_COUNT)
  );
  for (std::size_t i = 0; i < counters.size(); ++i) counters[i].packets = values[i];
  return counters;
}

base::Result<void> Gate::detach() {
  if (bpf_link_detach(link_.fd.get()) != 0) {
    return bpf_error("detach gate from " + interface_, errno);
  }
  ::unlink(link_pin(bpffs_dir_).c_str());
  unpin_maps(skeleton_->obj, bpffs_dir_);
  link_.fd.reset();
  remove_empty_bpffs(bpffs_dir_);
  return {};
}

}  // namespace fairlead::ebpf
