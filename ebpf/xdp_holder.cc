// SPDX-License-Identifier: BSD-3-Clause
// Looks through the kernel's BPF links and the pins of every mounted BPF file system.
#include "ebpf/xdp_holder.hh"

#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/sys/unique_fd.hh"
#include "ebpf/xdp_link.hh"

namespace fairlead::ebpf {
namespace {

std::optional<bpf_link_info> read_link(int fd) {
  bpf_link_info info{};
  std::uint32_t length = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return std::nullopt;
  return info;
}

/// The link by which this program is on this interface; 0: none.
std::uint32_t find_link(int ifindex, std::uint32_t program) {
  std::uint32_t id = 0;
  while (bpf_link_get_next_id(id, &id) == 0) {
    const sys::UniqueFd fd(bpf_link_get_fd_by_id(id));
    if (!fd.valid()) continue;
    const auto link = read_link(fd.get());
    if (link && link->type == BPF_LINK_TYPE_XDP && link->prog_id == program &&
        link->xdp.ifindex == static_cast<std::uint32_t>(ifindex))
      return id;
  }
  return 0;
}

/// The runtime directory whose gate this link is; "": of none that can be seen from here.
std::string find_runtime_dir(std::uint32_t link) {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device;
    std::string where;
    std::string type;
    if (!(words >> device >> where >> type) || type != "bpf") continue;
    const sys::UniqueFd pin(bpf_obj_get((where + "/gate_link").c_str()));
    if (!pin.valid()) continue;
    const auto info = read_link(pin.get());
    if (info && info->id == link) return where.substr(0, where.rfind('/'));
  }
  return "";
}

std::string name_of(std::uint32_t program) {
  const sys::UniqueFd fd(bpf_prog_get_fd_by_id(program));
  bpf_prog_info info{};
  std::uint32_t length = sizeof info;
  if (!fd.valid() || bpf_obj_get_info_by_fd(fd.get(), &info, &length) != 0) return "";
  return std::string(info.name);
}

/// As `ip link` names it: "xdp off" leaves a generic program where it is, and says nothing.
std::string kind_of(const std::string& interface, int ifindex) {
  const auto mode = xdp_attach_mode(interface, ifindex);
  if (mode && *mode == AttachMode::kGeneric) return "xdpgeneric";
  return mode && *mode == AttachMode::kOffloaded ? "xdpoffload" : "xdp";
}

}  // namespace

std::string describe_xdp_holder(const std::string& interface, int ifindex) {
  std::uint32_t program = 0;
  (void)bpf_xdp_query_id(ifindex, 0, &program);
  const std::string name = name_of(program);
  const std::string called =
      "XDP program " + std::to_string(program) + (name.empty() ? std::string() : " (" + name + ")");
  const std::string begin = "interface " + interface + " already has ";
  const std::string off =
      "ip link set dev " + interface + " " + kind_of(interface, ifindex) + " off";
  const std::uint32_t link = find_link(ifindex, program);
  if (link != 0) {
    const std::string dir = find_runtime_dir(link);
    if (!dir.empty())
      return begin + "the gate of the Fairlead node in " + dir +
             "; stop that node and take its gate off: fairlead-control --unload --config FILE";
    return begin + called + " of somebody else, held by BPF link " + std::to_string(link) +
           "; end the process or remove the pin that holds the link (bpftool link show id " +
           std::to_string(link) + "), or: bpftool link detach id " + std::to_string(link);
  }
  if (name == "xsk_def_prog" || name == "xdp_dispatcher")
    return begin + called +
           ", which libxdp attaches for AF_XDP processes and leaves behind when one is killed; if "
           "none runs there, remove it with: " +
           off;
  return begin + called + " of somebody else; remove it with: " + off;
}

}  // namespace fairlead::ebpf
