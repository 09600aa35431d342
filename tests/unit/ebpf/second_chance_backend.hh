// SPDX-License-Identifier: BSD-3-Clause
// A backend that has one connection of each family and is asked about others: tunnel packets with
// hop lists, and what becomes of them.
#pragma once

#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/sys/unique_fd.hh"
#include "ebpf/include/counters.h"
#include "tests/unit/ebpf/decap_backend.hh"

namespace fairlead::testing {

inline constexpr std::uint16_t kKnownPort =
    41000;  // the client's port of a connection that is here
inline constexpr std::uint16_t kUnknownPort = 41001;  // of one that is not

/// Addresses of both families as sockets want them.
struct Endpoint {
  sockaddr_storage storage{};
  socklen_t bytes = 0;
  Endpoint(const std::string& text, std::uint16_t port) {
    const auto address = net::IpAddr::parse(text).value();
    if (address.is_v4()) {
      auto* in = reinterpret_cast<sockaddr_in*>(&storage);
      in->sin_family = AF_INET;
      in->sin_port = htons(port);
      std::memcpy(&in->sin_addr, address.bytes.data(), 4);
      bytes = sizeof *in;
    } else {
      auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
      in->sin6_family = AF_INET6;
      in->sin6_port = htons(port);
      std::memcpy(&in->sin6_addr, address.bytes.data(), 16);
      bytes = sizeof *in;
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// A listener and one established connection between `client` and `vip`, all on lo.
class Connection {
 public:
  Connection(const std::string& client, const std::string& vip) {
    const Endpoint server(vip, 80);
    listener_ = make(server);
    EXPECT_EQ(::listen(listener_.get(), 4), 0);
    client_ = make(Endpoint(client, kKnownPort));
    EXPECT_EQ(::connect(client_.get(), server.get(), server.bytes), 0) << std::strerror(errno);
    accepted_ = sys::UniqueFd(::accept(listener_.get(), nullptr, nullptr));
  }

 private:
  static sys::UniqueFd make(const Endpoint& at) {
    sys::UniqueFd fd(::socket(at.storage.ss_family, SOCK_STREAM, 0));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    EXPECT_EQ(::bind(fd.get(), at.get(), at.bytes), 0) << std::strerror(errno);
    return fd;
  }
  sys::UniqueFd listener_;
  sys::UniqueFd client_;
  sys::UniqueFd accepted_;
};

class SecondChance : public DecapBackend {
 protected:
  void SetUp() override {
    DecapBackend::SetUp();
    if (program_ == nullptr) return;
    const std::string clients =
        "ip addr add " + kClient4 + "/32 dev lo && ip addr add " + kClient6 + "/128 dev lo nodad";
    ASSERT_EQ(std::system(clients.c_str()), 0);
    trust("10.0.0.9", FL_SOURCE_BACKEND);
    connection4_ = std::make_unique<Connection>(kClient4, kVip4);
    connection6_ = std::make_unique<Connection>(kClient6, kVip6);
  }

  void expect_ours(const Bytes& frame, const Bytes& inside, fl_decap_counter why) {
    const auto before = program_->count(why);
    const auto gue = program_->count(FL_DECAP_GUE);
    const Outcome r = program_->run(frame);
    EXPECT_EQ(r.verdict, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(r.frame, inside);
    EXPECT_EQ(program_->count(why), before + 1);
    EXPECT_EQ(program_->count(FL_DECAP_GUE), gue + 1);
  }
  void expect_passed_on(const Bytes& frame, const Bytes& sent) {
    const auto before = program_->count(FL_DECAP_PASSED_ON);
    const auto unknown = program_->count(FL_DECAP_HOP_UNKNOWN);
    const Outcome r = program_->run(frame);
    EXPECT_EQ(r.verdict, static_cast<std::uint32_t>(XDP_TX));
    EXPECT_EQ(r.frame, sent);
    EXPECT_EQ(program_->count(FL_DECAP_PASSED_ON), before + 1);
    EXPECT_EQ(program_->count(FL_DECAP_HOP_UNKNOWN), unknown + 1);
  }

  std::unique_ptr<Connection> connection4_;
  std::unique_ptr<Connection> connection6_;
};

inline Bytes segment(std::uint16_t port, std::uint8_t flags) {
  Bytes b = tcp(port, 80);
  b[13] = flags;
  return b;
}
inline Bytes client4(std::uint16_t port, std::uint8_t flags) {
  return ip4(kClient4, kVip4, 6, segment(port, flags));
}
inline Bytes client6(std::uint16_t port, std::uint8_t flags) {
  return ip6(kClient6, kVip6, 6, segment(port, flags));
}

/// A GUE datagram with a hop list, from the RFC draft and GLB's description, not from gue.h.
inline Bytes listed(
    unsigned protocol,
    const std::vector<std::string>& hops,
    unsigned next_hop,
    const Bytes& payload,
    unsigned source_port = 40000
) {
  const bool wide = !hops.empty() && !net::IpAddr::parse(hops.front())->is_v4();
  Bytes b = {
      static_cast<std::uint8_t>(1 + hops.size() * (wide ? 4 : 1)),
      static_cast<std::uint8_t>(protocol),
      0,
      0};
  put16(b, wide ? 1 : 0);
  b.push_back(static_cast<std::uint8_t>(next_hop));
  b.push_back(static_cast<std::uint8_t>(hops.size()));
  for (const auto& hop : hops) {
    const auto address = *net::IpAddr::parse(hop);
    b.insert(b.end(), address.bytes.begin(), address.bytes.begin() + (wide ? 16 : 4));
  }
  return udp(source_port, 19523, b + payload);
}

/// An outer header as it arrives (TTL 64) or goes on (63); and frames from and to the router.
inline Bytes over4(
    const std::string& from, const std::string& to, const Bytes& datagram, int ttl = 64
) {
  Bytes b = ip4(from, to, 17, {});
  const unsigned total = static_cast<unsigned>(20 + datagram.size());
  b[2] = static_cast<std::uint8_t>(total >> 8);
  b[3] = static_cast<std::uint8_t>(total);
  b[8] = static_cast<std::uint8_t>(ttl);
  b[10] = b[11] = 0;
  const unsigned sum = checksum(b);
  b[10] = static_cast<std::uint8_t>(sum >> 8);
  b[11] = static_cast<std::uint8_t>(sum);
  return b + datagram;
}
inline Bytes over6(
    const std::string& from, const std::string& to, const Bytes& datagram, int ttl = 64
) {
  Bytes b = ip6(from, to, 17, datagram);
  b[7] = static_cast<std::uint8_t>(ttl);
  return b;
}
inline Bytes answered(unsigned type, const Bytes& payload) {
  Bytes b = ethernet(type, payload);
  std::swap_ranges(b.begin(), b.begin() + 6, b.begin() + 6);
  return b;
}

inline const std::vector<std::string> kTwo = {"10.0.0.2", "10.0.0.3"};

}  // namespace fairlead::testing
