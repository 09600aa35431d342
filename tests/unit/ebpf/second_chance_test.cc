// SPDX-License-Identifier: BSD-3-Clause
// Second chance on single frames, with real sockets in a network namespace of the test's own: what
// is ours, what goes to the next hop, byte for byte, and that nothing goes round twice.
#include "tests/unit/ebpf/glb_vectors.hh"
#include "tests/unit/ebpf/second_chance_backend.hh"

namespace fairlead::testing {
namespace {

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
