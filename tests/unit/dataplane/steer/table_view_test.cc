// SPDX-License-Identifier: BSD-3-Clause
// A bank is either proven whole or refused: lookups on good banks, errors on damaged ones.
#include "dataplane/steer/table_view.hh"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include <gtest/gtest.h>

#include "control/steering/steering.hh"
#include "dataplane/steer/bank_checksum.hh"

namespace fairlead::steer {
namespace {

using model::Vip;
using steering::PoolIntent;

constexpr std::size_t kCapacity = 64 * 1024;

/// mt19937 yields unsigned long here; this one 32 bits.
using Random = std::mersenne_twister_engine<
    std::uint32_t,
    32,
    624,
    397,
    31,
    0x9908b0df,
    11,
    0xffffffff,
    7,
    0x9d2c5680,
    15,
    0xefc60000,
    18,
    1812433253>;

/// A bank at a line boundary.
struct Bank {
  std::unique_ptr<std::byte, decltype(&std::free)> bytes{
      static_cast<std::byte*>(std::aligned_alloc(64, kCapacity)), &std::free};
  Bank() { std::memset(bytes.get(), 0xee, kCapacity); }
  fl_bank* header() { return reinterpret_cast<fl_bank*>(bytes.get()); }
  void repair() { header()->checksum = bank_checksum(header(), header()->used_bytes); }
};

PoolIntent pool(
    const std::string& name, const std::string& prefix, std::uint16_t port, net::IpProto protocol
) {
  Vip vip;
  vip.name = name;
  vip.prefix = *net::Prefix::parse(prefix);
  vip.port = port;
  vip.protocol = protocol;
  vip.table_size = 251;
  PoolIntent intent;
  for (const char* id : {"b1", "b2", "b3"}) {
    model::Backend b;
    b.id = id;
    b.address = net::IpAddr::v4(10, 0, 0, static_cast<std::uint8_t>(id[1] - '0'));
    vip.backends.push_back(b);
    intent.backends.push_back({100, 0, FL_MEMBER_ACTIVE});
  }
  intent.vip = vip;
  return intent;
}

/// Vips of five shapes, overlapping on purpose.
Bank make_bank() {
  const auto tcp = net::IpProto::kTcp;
  std::vector<PoolIntent> pools = {
      pool("web", "203.0.113.10", 80, tcp),
      pool("any", "203.0.113.10", 0, tcp),
      pool("net", "203.0.113.0/28", 80, tcp),
      pool("dns", "203.0.113.10", 53, net::IpProto::kUdp),
      pool("six", "2001:db8::10", 443, tcp),
      pool("six-net", "2001:db8::/64", 0, tcp),
  };
  pools[3].vip.quic = {{0, 2}, {5, 15}};
  pools[3].vip.backends[1].server_id = {0xa0, 0x01};
  Bank bank;
  const auto plan = steering::Steering().plan(pools, {}, 0);
  EXPECT_TRUE(plan) << plan.error().what;
  const auto used = steering::encode(*plan, 7, 1, {bank.bytes.get(), kCapacity});
  EXPECT_TRUE(used) << used.error().what;
  return bank;
}

/// Name of the vip that a destination belongs to; "" for none.
std::string find(
    const TableView& view, const std::string& address, std::uint16_t port, net::IpProto protocol
) {
  const net::IpAddr a = *net::IpAddr::parse(address);
  std::uint64_t words[2];
  std::memcpy(words, a.bytes.data(), 16);
  const fl_vip* vip = view.find_vip(
      words[0],
      words[1],
      static_cast<std::uint8_t>(a.family),
      static_cast<std::uint8_t>(protocol),
      __builtin_bswap16(port)
  );
  return vip == nullptr ? "" : std::string(read_names(view).vip(vip->vip));
}

TEST(TableView, FindsTheMostSpecificVip) {
  Bank bank = make_bank();
  const auto view = TableView::attach(bank.bytes.get(), kCapacity);
  ASSERT_TRUE(view) << view.error().what;

  const auto tcp = net::IpProto::kTcp;
  EXPECT_EQ(find(*view, "203.0.113.10", 80, tcp), "web");
  EXPECT_EQ(find(*view, "203.0.113.10", 81, tcp), "any");
  EXPECT_EQ(find(*view, "203.0.113.11", 80, tcp), "net");
  EXPECT_EQ(find(*view, "203.0.113.11", 81, tcp), "");
  EXPECT_EQ(find(*view, "203.0.113.16", 80, tcp), "");
  EXPECT_EQ(find(*view, "203.0.113.10", 53, net::IpProto::kUdp), "dns");
  EXPECT_EQ(find(*view, "203.0.113.10", 80, net::IpProto::kUdp), "");
  EXPECT_EQ(find(*view, "2001:db8::10", 443, tcp), "six");
  EXPECT_EQ(find(*view, "2001:db8::10", 444, tcp), "six-net");
  EXPECT_EQ(find(*view, "2001:db8:0:1::10", 443, tcp), "");
}

bool has_address(const TableView& view, const std::string& address) {
  const net::IpAddr a = *net::IpAddr::parse(address);
  std::uint64_t words[2];
  std::memcpy(words, a.bytes.data(), 16);
  return view.has_address(words[0], words[1], static_cast<std::uint8_t>(a.family));
}

TEST(TableView, KnowsTheAddressesOfVipsWhateverTheirPorts) {
  Bank bank = make_bank();
  const TableView view = *TableView::attach(bank.bytes.get(), kCapacity);

  for (const char* address : {"203.0.113.10", "203.0.113.0", "203.0.113.15", "2001:db8::99"})
    EXPECT_TRUE(has_address(view, address)) << address;
  for (const char* address : {"203.0.113.16", "203.0.112.10", "2001:db8:0:1::10", "::", "0.0.0.0"})
    EXPECT_FALSE(has_address(view, address)) << address;
  EXPECT_FALSE(has_address(TableView(), "203.0.113.10"));
}

/// Backend that a server id names in the vip `dns`; -1: nobody.
int quic_backend(const TableView& view, std::vector<std::uint8_t> key) {
  key.resize(16);
  std::uint8_t bytes[16];
  std::copy(key.begin(), key.end(), bytes);
  const fl_vip& vip = view.vips()[3];
  const std::uint32_t number = view.quic_member(vip, bytes);
  if (number == FL_NO_MEMBER) return -1;
  EXPECT_TRUE(view.serves(number, vip));
  return static_cast<int>(view.member(number).backend);
}

TEST(TableView, FindsTheMemberThatAQuicServerIdNames) {
  Bank bank = make_bank();
  const TableView view = *TableView::attach(bank.bytes.get(), kCapacity);

  EXPECT_EQ(view.vips()[3].flags, FL_VIP_QUIC);
  EXPECT_EQ(quic_backend(view, {0, 0, 1}), 0);        // the end of 10.0.0.1
  EXPECT_EQ(quic_backend(view, {0, 0xa0, 0x01}), 1);  // as configured
  EXPECT_EQ(quic_backend(view, {0, 0, 2}), -1);       // which the end of 10.0.0.2 is not
  EXPECT_EQ(quic_backend(view, {5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2}), 1);
  EXPECT_EQ(quic_backend(view, {0, 10, 0, 0, 2}), -1);
  EXPECT_EQ(quic_backend(view, {1, 0, 1}), -1);
}

TEST(TableView, SlotsLeadToMembersOfTheVip) {
  Bank bank = make_bank();
  const TableView view = *TableView::attach(bank.bytes.get(), kCapacity);

  for (const fl_vip& vip : view.vips())
    for (std::uint32_t s = 0; s < vip.table_size; ++s) {
      const fl_member& member = view.member(view.slot(vip, s));
      ASSERT_EQ(member.vip, vip.vip);
      ASSERT_EQ(member.state, FL_MEMBER_ACTIVE);
    }
  EXPECT_EQ(view.generation(), 7u);
  EXPECT_EQ(read_names(view).backend(1), "b2");
  EXPECT_EQ(view.find_member(view.member_count()), nullptr);
}

TEST(TableView, VipsWithEqualPoolsHaveOneTableAndMembersOfTheirOwn) {
  Bank bank = make_bank();
  const TableView view = *TableView::attach(bank.bytes.get(), kCapacity);

  for (const fl_vip& vip : view.vips()) {
    EXPECT_EQ(vip.slots_line, view.vips()[0].slots_line);
    ASSERT_EQ(vip.pool_size, 3U);
    for (std::uint32_t position = 0; position < 3; ++position)
      EXPECT_EQ(view.member(view.pool(vip)[position]).vip, vip.vip);
  }
  // A pool that is too small for the slots is found in every vip that has them.
  fl_vip* const last = &const_cast<fl_vip*>(view.vips().data())[view.vips().size() - 1];
  last->pool_size = 2;
  bank.repair();
  const auto damaged = TableView::attach(bank.bytes.get(), kCapacity);
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().what.find("a slot names position 2"), std::string::npos);
}

TEST(TableView, EmptyViewFindsNothing) {
  const TableView view;
  EXPECT_FALSE(view.valid());
  EXPECT_EQ(find(view, "203.0.113.10", 80, net::IpProto::kTcp), "");
  EXPECT_EQ(view.find_member(0), nullptr);
}

TEST(TableView, EverySingleDamagedByteIsFound) {
  Bank bank = make_bank();
  const std::uint32_t used = bank.header()->used_bytes;

  for (std::uint32_t at = 0; at < used; ++at) {
    bank.bytes.get()[at] ^= std::byte{0x10};
    ASSERT_FALSE(TableView::attach(bank.bytes.get(), kCapacity)) << "byte " << at;
    bank.bytes.get()[at] ^= std::byte{0x10};
  }
  EXPECT_TRUE(TableView::attach(bank.bytes.get(), kCapacity));
}

TEST(TableView, BankLargerThanItsRoomIsRefused) {
  Bank bank = make_bank();
  const std::uint32_t used = bank.header()->used_bytes;
  EXPECT_TRUE(TableView::attach(bank.bytes.get(), used));
  EXPECT_FALSE(TableView::attach(bank.bytes.get(), used - 64));
  EXPECT_FALSE(TableView::attach(bank.bytes.get(), 64));
  EXPECT_FALSE(TableView::attach(nullptr, used));
  EXPECT_FALSE(TableView::attach(bank.bytes.get() + 8, used - 8));
}

/// Reads everything that lookups could reach; the sanitizer build of this test sees any slip.
std::uint64_t use_all(const TableView& view, Random& random) {
  std::uint64_t sum = 0;
  for (const fl_vip& vip : view.vips())
    for (std::uint32_t s = 0; s < vip.table_size; ++s) {
      sum += view.member(view.slot(vip, s)).backend;
      const std::uint32_t before = view.earlier_owner(vip, s);
      if (before != FL_NO_MEMBER) sum += view.member(before).backend;
    }
  for (int i = 0; i < 20; ++i) {
    const fl_vip* vip = view.find_vip(
        i % 2 == 0 ? 0x0a7100cbu : random(),
        0,
        i % 3 == 0 ? 6 : 4,
        6,
        static_cast<std::uint16_t>(random())
    );
    sum += vip != nullptr ? vip->vip : 0;
    sum += view.has_address(random(), i % 2 == 0 ? 0 : random(), i % 3 == 0 ? 6 : 4) ? 1 : 0;
  }
  for (const fl_vip& vip : view.vips()) {
    if ((vip.flags & FL_VIP_QUIC) == 0) continue;
    for (std::uint8_t last = 0; last < 9; ++last) {
      const std::uint8_t key[16] = {0, 0, last};
      const std::uint32_t member = view.quic_member(vip, key);
      sum += view.serves(member, vip) ? view.member(member).backend : 0;
    }
  }
  const Names names = read_names(view);
  for (std::uint32_t n = 0; n < 8; ++n) sum += names.vip(n).size() + names.backend(n).size();
  return sum;
}

TEST(TableView, DamageWithARightChecksumIsRefusedOrHarmless) {
  const Bank whole = make_bank();
  Bank bank;
  Random random(11);
  const std::uint32_t used = reinterpret_cast<const fl_bank*>(whole.bytes.get())->used_bytes;
  int refused = 0;
  std::uint64_t sum = 0;

  for (int round = 0; round < 20000; ++round) {
    std::memcpy(bank.bytes.get(), whole.bytes.get(), kCapacity);
    for (unsigned n = 1 + random() % 3; n > 0; --n) {
      // Mostly header, vips and members; values small, huge and random.
      const std::uint32_t span = random() % 2 == 0 ? FL_BANK_HEADER_BYTES : used;
      const std::uint32_t at = random() % (span / 4) * 4;
      const std::uint32_t value = random() % 3 == 0   ? random() % 2000
                                  : random() % 2 == 0 ? random()
                                                      : ~0u - random() % 9;
      std::memcpy(bank.bytes.get() + at, &value, 4);
    }
    const std::uint32_t claimed = bank.header()->used_bytes;
    if (claimed >= FL_BANK_HEADER_BYTES && claimed <= kCapacity && claimed % 64 == 0) bank.repair();
    const auto view = TableView::attach(bank.bytes.get(), kCapacity);
    if (view)
      sum += use_all(*view, random);
    else
      ++refused;
  }

  EXPECT_GT(refused, 5000);
  EXPECT_LT(refused, 20000);
  EXPECT_GT(sum, 0u);
}

}  // namespace
}  // namespace fairlead::steer
