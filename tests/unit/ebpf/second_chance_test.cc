// SPDX-License-Identifier: BSD-3-Clause
// Second chance on single frames, with real sockets in a network namespace of the test's own: what
// is ours, what goes to the next hop, byte for byte, and that nothing goes round twice.
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "dataplane/sys/unique_fd.hh"
#include "ebpf/include/counters.h"
#include "tests/unit/ebpf/decap_backend.hh"
#include "tests/unit/ebpf/glb_vectors.hh"

namespace fairlead::testing {
namespace {

constexpr std::uint16_t kKnownPort = 41000;    // the client's port of a connection that is here
constexpr std::uint16_t kUnknownPort = 41001;  // of one that is not

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

Bytes segment(std::uint16_t port, std::uint8_t flags) {
  Bytes b = tcp(port, 80);
  b[13] = flags;
  return b;
}
Bytes client4(std::uint16_t port, std::uint8_t flags) {
  return ip4(kClient4, kVip4, 6, segment(port, flags));
}
Bytes client6(std::uint16_t port, std::uint8_t flags) {
  return ip6(kClient6, kVip6, 6, segment(port, flags));
}

/// A GUE datagram with a hop list, from the RFC draft and GLB's description, not from gue.h.
Bytes listed(
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
Bytes over4(const std::string& from, const std::string& to, const Bytes& datagram, int ttl = 64) {
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
Bytes over6(const std::string& from, const std::string& to, const Bytes& datagram, int ttl = 64) {
  Bytes b = ip6(from, to, 17, datagram);
  b[7] = static_cast<std::uint8_t>(ttl);
  return b;
}
Bytes answered(unsigned type, const Bytes& payload) {
  Bytes b = ethernet(type, payload);
  std::swap_ranges(b.begin(), b.begin() + 6, b.begin() + 6);
  return b;
}

const std::vector<std::string> kTwo = {"10.0.0.2", "10.0.0.3"};

TEST_F(SecondChance, KeepsAConnectionThatASocketHereHas) {
  const Bytes v4 = client4(kKnownPort, kAck);
  const Bytes v6 = client6(kKnownPort, kAck);
  expect_ours(
      ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(4, kTwo, 0, v4))),
      ethernet(kIpv4Type, v4),
      FL_DECAP_HOP_SOCKET
  );
  expect_ours(
      ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(41, kTwo, 0, v6))),
      ethernet(kIpv6Type, v6),
      FL_DECAP_HOP_SOCKET
  );
}

TEST_F(SecondChance, KeepsASynWhoeverElseIsInTheList) {
  const Bytes syn = client4(kUnknownPort, kSyn);
  expect_ours(
      ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(4, kTwo, 0, syn))),
      ethernet(kIpv4Type, syn),
      FL_DECAP_HOP_SYN
  );
}

TEST_F(SecondChance, PassesAnUnknownConnectionOnHopByHop) {
  for (const Bytes& inner : {client4(kUnknownPort, kAck), client6(kUnknownPort, kAck)}) {
    const unsigned protocol = inner[0] >> 4 == 4 ? 4 : 41;
    expect_passed_on(
        ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(protocol, kTwo, 0, inner))),
        answered(kIpv4Type, over4(kSelf4, "10.0.0.2", listed(protocol, kTwo, 1, inner), 63))
    );
    expect_passed_on(
        ethernet(kIpv4Type, over4("10.0.0.9", kSelf4, listed(protocol, kTwo, 1, inner))),
        answered(kIpv4Type, over4(kSelf4, "10.0.0.3", listed(protocol, kTwo, 2, inner), 63))
    );
  }
}

TEST_F(SecondChance, PassesOnOverIpv6Too) {
  std::vector<std::string> hops;  // as many as hlen can say
  for (char last = '2'; last <= '8'; ++last) hops.push_back(std::string("2001:db8:b::") + last);
  const Bytes inner = client6(kUnknownPort, kAck);
  for (const unsigned next : {0U, 6U})
    expect_passed_on(
        ethernet(kIpv6Type, over6(kNode6, kSelf6, listed(41, hops, next, inner))),
        answered(kIpv6Type, over6(kSelf6, hops[next], listed(41, hops, next + 1, inner), 63))
    );
}

TEST_F(SecondChance, TakesWhatNobodyElseIsLeftFor) {
  const Bytes inner = client4(kUnknownPort, kAck);
  expect_ours(
      ethernet(kIpv4Type, over4("10.0.0.9", kSelf4, listed(4, kTwo, 2, inner))),
      ethernet(kIpv4Type, inner),
      FL_DECAP_HOP_LAST
  );
}

TEST_F(SecondChance, TakesWhatWouldComeBackToItself) {
  const Bytes inner = client4(kUnknownPort, kAck);
  expect_ours(
      ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(4, {kSelf4}, 0, inner))),
      ethernet(kIpv4Type, inner),
      FL_DECAP_HOP_SELF
  );
}

TEST_F(SecondChance, AsksAboutTheConnectionThatAnIcmpErrorQuotes) {
  const auto error = [](std::uint16_t port) {
    Bytes quoted = ip4(kVip4, kClient4, 6, tcp(80, port));
    quoted.resize(28);  // the header and 8 bytes, as routers quote
    return ip4(kClient4, kVip4, 1, Bytes{3, 4, 0, 0, 0, 0, 5, 0} + quoted);
  };
  expect_ours(
      ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(4, kTwo, 0, error(kKnownPort)))),
      ethernet(kIpv4Type, error(kKnownPort)),
      FL_DECAP_HOP_SOCKET
  );
  expect_passed_on(
      ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(4, kTwo, 0, error(kUnknownPort)))),
      answered(kIpv4Type, over4(kSelf4, "10.0.0.2", listed(4, kTwo, 1, error(kUnknownPort)), 63))
  );
}

TEST_F(SecondChance, FindsThePortsBehindExtensionHeadersOfAQuote) {
  const auto error = [](std::uint16_t port) {
    IpFields fields;
    fields.next = 0;                                   // hop by hop,
    fields.options = Bytes{60, 0, 1, 4, 0, 0, 0, 0}    // then destination options,
                     + Bytes{44, 0, 1, 4, 0, 0, 0, 0}  // then an atomic fragment
                     + Bytes{6, 0, 0, 0, 0, 0, 0, 9};
    Bytes quoted = ip6(kVip6, kClient6, 6, tcp(80, port), fields);
    quoted.resize(40 + 24 + 8);
    return ip6(kClient6, kVip6, 58, Bytes{2, 0, 0, 0, 0, 0, 5, 0} + quoted);
  };
  expect_ours(
      ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(41, kTwo, 0, error(kKnownPort)))),
      ethernet(kIpv6Type, error(kKnownPort)),
      FL_DECAP_HOP_SOCKET
  );
  expect_passed_on(
      ethernet(kIpv4Type, over4(kNode4, kSelf4, listed(41, kTwo, 0, error(kUnknownPort)))),
      answered(kIpv4Type, over4(kSelf4, "10.0.0.2", listed(41, kTwo, 1, error(kUnknownPort)), 63))
  );
}

TEST_F(SecondChance, MendsTheOuterUdpChecksumWhereThereIsOne) {
  // RFC 768: over the pseudo header and the datagram.
  const auto with_checksum = [](const std::string& from, const std::string& to, Bytes datagram) {
    datagram[6] = datagram[7] = 0;
    Bytes all;
    for (const auto& text : {from, to}) {
      const auto address = *net::IpAddr::parse(text);
      all.insert(all.end(), address.bytes.begin(), address.bytes.begin() + 4);
    }
    put16(all, 17);
    put16(all, static_cast<unsigned>(datagram.size()));
    const unsigned sum = checksum(all + datagram);
    datagram[6] = static_cast<std::uint8_t>(sum >> 8);
    datagram[7] = static_cast<std::uint8_t>(sum);
    return datagram;
  };
  const Bytes inner = client4(kUnknownPort, kAck);
  expect_passed_on(
      ethernet(
          kIpv4Type, over4(kNode4, kSelf4, with_checksum(kNode4, kSelf4, listed(4, kTwo, 0, inner)))
      ),
      answered(
          kIpv4Type,
          over4(
              kSelf4, "10.0.0.2", with_checksum(kSelf4, "10.0.0.2", listed(4, kTwo, 1, inner)), 63
          )
      )
  );
}

TEST_F(SecondChance, AnotherBackendMaySendNothingElse) {
  const auto before = program_->count(FL_DECAP_FOREIGN_HOP);
  const Bytes first = over4("10.0.0.9", kSelf4, listed(4, kTwo, 0, client4(kUnknownPort, kSyn)));
  const Bytes ipip = ip4("10.0.0.9", kSelf4, 4, client4(kUnknownPort, kSyn));
  EXPECT_EQ(
      program_->run(ethernet(kIpv4Type, first)).verdict, static_cast<std::uint32_t>(XDP_DROP)
  );
  EXPECT_EQ(program_->run(ethernet(kIpv4Type, ipip)).verdict, static_cast<std::uint32_t>(XDP_DROP));
  EXPECT_EQ(program_->count(FL_DECAP_FOREIGN_HOP), before + 2);
}

TEST_F(SecondChance, RefusesAListThatDoesNotFitItsHeader) {
  const Bytes inner = client4(kUnknownPort, kAck);
  Bytes list = listed(4, kTwo, 0, inner);
  list[8 + 7] = 3;  // hop_count beyond hlen
  Bytes beyond = listed(4, kTwo, 3, inner);
  const auto before = program_->count(FL_DECAP_MALFORMED);
  for (const Bytes& datagram : {list, beyond}) {
    EXPECT_EQ(
        program_->run(ethernet(kIpv4Type, over4(kNode4, kSelf4, datagram))).verdict,
        static_cast<std::uint32_t>(XDP_DROP)
    );
  }
  EXPECT_EQ(program_->count(FL_DECAP_MALFORMED), before + 2);
}

// Each packet goes the whole way that GLB's director has named: to each in turn, none twice, and
// the last one keeps it. A SYN stays with the first.
TEST_F(SecondChance, UnderstandsThePacketsOfGlb) {
  for (const auto& via : {"1.2.3.4", "2.3.4.5", "3.4.5.6", "5.6.7.8"})
    trust(via, FL_SOURCE_BACKEND);
  for (const GlbVector& v : kGlbVectors) {
    const bool four = net::IpAddr::parse(v.client)->is_v4();
    const unsigned kind = four ? 4 : 41;
    const auto from_client = [&](std::uint8_t flags) {
      return four ? ip4(v.client, kVip4, 6, segment(v.port, flags))
                  : ip6(v.client, kVip6, 6, segment(v.port, flags));
    };
    const Bytes ack = from_client(kAck);
    const std::vector<std::string> hops(v.via.begin() + 1, v.via.end());
    const auto at = [&](const std::string& from, std::size_t n, const Bytes& inner) {
      const auto next = static_cast<unsigned>(n);
      return over4(from, v.via[n], listed(kind, hops, next, inner, v.outer_port), n == 0 ? 64 : 63);
    };
    ASSERT_EQ(at(kNode4, 0, ack).size(), ack.size() + 36 + 4 * hops.size()) << "GLB's overhead";
    std::string from = kNode4;
    for (std::size_t n = 0; n + 1 < v.via.size(); from = v.via[n++]) {
      Bytes sent = at(v.via[n], n + 1, ack);
      Bytes in = at(from, n, ack);
      if (n > 0) sent = over4(v.via[n], v.via[n + 1], Bytes(sent.begin() + 20, sent.end()), 62);
      expect_passed_on(ethernet(kIpv4Type, in), answered(kIpv4Type, sent));
    }
    const std::size_t last = v.via.size() - 1;
    const unsigned type = four ? kIpv4Type : kIpv6Type;
    expect_ours(ethernet(kIpv4Type, at(from, last, ack)), ethernet(type, ack), FL_DECAP_HOP_LAST);
    const Bytes syn = from_client(kSyn);
    expect_ours(ethernet(kIpv4Type, at(kNode4, 0, syn)), ethernet(type, syn), FL_DECAP_HOP_SYN);
  }
}

}  // namespace
}  // namespace fairlead::testing
