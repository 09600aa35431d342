// SPDX-License-Identifier: BSD-3-Clause
// Looks for the gate's pinned link.
#include "dataplane/gateless.hh"

#include <net/if.h>

#include <bpf/bpf.h>

#include "dataplane/device.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::dataplane {

bool has_gate(const std::string& runtime_dir, const std::string& interface) {
  const sys::UniqueFd link(bpf_obj_get((runtime_dir + "/bpf/gate_link").c_str()));
  bpf_link_info info{};
  std::uint32_t length = sizeof info;
  if (!link.valid() || bpf_obj_get_info_by_fd(link.get(), &info, &length) != 0) return false;
  return info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == ::if_nametoindex(interface.c_str());
}

std::string device_in_force(const std::string& runtime_dir, const std::string& device) {
  if (device.rfind("net_af_xdp", 0) != 0) return device;
  const auto interface = kernel_interface_of(device);
  if (!interface || has_gate(runtime_dir, *interface)) return device;
  sys::log_warn(
      "no gate on " + *interface +
      ": AF_XDP would cut the host off, so the port is a net_af_packet "
      "one and there is no takeover; 'show status' of fairlead-control says why there is none. "
      "Once "
      "it is there, restart fairlead-dataplane"
  );
  return "net_af_packet_" + *interface + ",iface=" + *interface;
}

}  // namespace fairlead::dataplane
