// SPDX-License-Identifier: BSD-3-Clause
#include "ebpf/mac_word.hh"

#include <cerrno>
#include <cstring>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "dataplane/sys/unique_fd.hh"

namespace fairlead::ebpf {

base::Result<std::uint64_t> mac_word(const std::string& interface) {
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

}  // namespace fairlead::ebpf
