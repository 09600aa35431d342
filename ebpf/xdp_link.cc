// SPDX-License-Identifier: BSD-3-Clause
// Creates, finds and updates pinned XDP links.
#include "ebpf/xdp_link.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "ebpf/bpffs.hh"
#include "ebpf/xdp_holder.hh"

namespace fairlead::ebpf {
namespace {

struct Identity {
  std::array<std::uint8_t, BPF_TAG_SIZE> tag{};
  std::vector<std::uint32_t> maps;  // sorted
  friend bool operator==(const Identity&, const Identity&) = default;
};

std::optional<Identity> identity_of(int prog_fd) {
  std::vector<std::uint32_t> maps(64);
  bpf_prog_info info{};
  std::uint32_t length = sizeof info;
  info.nr_map_ids = static_cast<std::uint32_t>(maps.size());
  info.map_ids = reinterpret_cast<std::uint64_t>(maps.data());
  if (bpf_obj_get_info_by_fd(prog_fd, &info, &length) != 0) return std::nullopt;
  Identity identity;
  std::memcpy(identity.tag.data(), info.tag, BPF_TAG_SIZE);
  maps.resize(std::min<std::size_t>(info.nr_map_ids, maps.size()));
  std::sort(maps.begin(), maps.end());
  identity.maps = std::move(maps);
  return identity;
}

/// The link at `pin` if it is attached to this very interface; its program's id.
struct FoundLink {
  sys::UniqueFd fd;
  std::uint32_t program = 0;
};
std::optional<FoundLink> find_link(const std::string& pin, int ifindex) {
  FoundLink found;
  found.fd = sys::UniqueFd(bpf_obj_get(pin.c_str()));
  if (!found.fd.valid()) return std::nullopt;
  bpf_link_info info{};
  std::uint32_t length = sizeof info;
  if (bpf_obj_get_info_by_fd(found.fd.get(), &info, &length) != 0) return std::nullopt;
  if (info.type != BPF_LINK_TYPE_XDP) return std::nullopt;
  if (info.xdp.ifindex != static_cast<std::uint32_t>(ifindex)) return std::nullopt;
  // An index alone may be that of an interface in another network namespace.
  std::uint32_t attached = 0;
  if (bpf_xdp_query_id(ifindex, 0, &attached) != 0 || attached != info.prog_id) {
    return std::nullopt;
  }
  found.program = info.prog_id;
  return found;
}

base::Result<XdpLink> attach_afresh(
    const std::string& interface, int ifindex, int prog_fd, const std::string& pin
) {
  XdpLink link;
  link.fd = sys::UniqueFd(bpf_link_create(prog_fd, ifindex, BPF_XDP, nullptr));
  if (!link.fd.valid()) {
    const int error = errno;
    if (error == EBUSY || error == EEXIST) {
      return base::fail(base::ErrorCode::kAlreadyExists, describe_xdp_holder(interface, ifindex));
    }
    return bpf_error("attach XDP program to " + interface, error);
  }
  if (bpf_obj_pin(link.fd.get(), pin.c_str()) != 0) return bpf_error("pin " + pin, errno);
  return link;
}

}  // namespace

std::string_view to_string(AttachMode mode) {
  switch (mode) {
    case AttachMode::kNative:
      return "native";
    case AttachMode::kGeneric:
      return "generic";
    case AttachMode::kOffloaded:
      return "offloaded";
  }
  return "native";
}

std::string_view to_string(LinkOrigin origin) {
  switch (origin) {
    case LinkOrigin::kAttached:
      return "attached";
    case LinkOrigin::kReused:
      return "reused";
    case LinkOrigin::kReplaced:
      return "replaced";
  }
  return "attached";
}

base::Result<int> interface_index(const std::string& interface) {
  const unsigned index = ::if_nametoindex(interface.c_str());
  if (index != 0) return static_cast<int>(index);
  return base::fail(
      base::ErrorCode::kNotFound,
      "interface " + interface + " does not exist in this network namespace; see: ip link"
  );
}

base::Result<XdpLink> attach_pinned_xdp(
    const std::string& interface, int ifindex, int prog_fd, const std::string& pin
) {
  auto found = find_link(pin, ifindex);
  if (!found) {
    if (::unlink(pin.c_str()) != 0 && errno != ENOENT) return bpf_error("remove " + pin, errno);
    return attach_afresh(interface, ifindex, prog_fd, pin);
  }
  const sys::UniqueFd running(bpf_prog_get_fd_by_id(found->program));
  XdpLink link{.fd = std::move(found->fd), .origin = LinkOrigin::kReused};
  const auto ours = identity_of(prog_fd);
  if (running.valid() && ours && identity_of(running.get()) == ours) return link;
  if (bpf_link_update(link.fd.get(), prog_fd, nullptr) != 0) {
    return bpf_error("replace XDP program on " + interface, errno);
  }
  link.origin = LinkOrigin::kReplaced;
  return link;
}

base::Result<bool> sends_by_redirect(const std::string& interface) {
  const sys::UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  ifreq request{};
  std::strncpy(request.ifr_name, interface.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&driver);
  if (!socket.valid()) return base::system_error("open a socket", errno);
  if (::ioctl(socket.get(), SIOCETHTOOL, &request) != 0) return false;  // says nothing of itself
  return std::strcmp(driver.driver, "veth") == 0;
}

base::Result<AttachMode> xdp_attach_mode(const std::string& interface, int ifindex) {
  bpf_xdp_query_opts options{};
  options.sz = sizeof options;
  if (const int r = bpf_xdp_query(ifindex, 0, &options); r != 0) {
    return bpf_error("query XDP mode of " + interface, -r);
  }
  switch (options.attach_mode) {
    case XDP_ATTACHED_SKB:
      return AttachMode::kGeneric;
    case XDP_ATTACHED_HW:
      return AttachMode::kOffloaded;
    default:
      return AttachMode::kNative;
  }
}

}  // namespace fairlead::ebpf
