// SPDX-License-Identifier: BSD-3-Clause
// Sends every datagram back to its sender, from the address that it was sent to: the far end of the
// packet counter in hold.cc.
#include <cstdio>

#include "dataplane/sys/unique_fd.hh"
#include "tests/lab/sockets.hh"

int main(int argc, char** argv) {
  using namespace fairlead;
  const auto at = argc == 2 ? lab::Endpoint::parse(argv[1]) : std::nullopt;
  if (!at) {
    std::fprintf(stderr, "usage: lab-echo ADDRESS:PORT\n");
    return 2;
  }
  sockaddr_storage address{};
  const socklen_t bytes = at->fill(address);
  const sys::UniqueFd socket(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int room = 4 << 20;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), bytes) != 0) {
    std::perror("bind");
    return 1;
  }
  while (true) {
    char packet[2048];
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const ssize_t n = ::recvfrom(
        socket.get(), packet, sizeof packet, 0, reinterpret_cast<sockaddr*>(&from), &length
    );
    if (n < 0) return 1;
    (void)::sendto(
        socket.get(),
        packet,
        static_cast<std::size_t>(n),
        0,
        reinterpret_cast<const sockaddr*>(&from),
        length
    );
  }
}
