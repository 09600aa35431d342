// SPDX-License-Identifier: BSD-3-Clause
// The proof that a bank is whole: every bound that lookups rely on is checked here.
#include "dataplane/steer/table_view.hh"

#include <algorithm>
#include <string>
#include <variant>

#include "dataplane/steer/bank_checksum.hh"

namespace fairlead::steer {

using base::ErrorCode;
using base::fail;
using base::Result;

namespace {

tl::unexpected<base::Error> damaged(const std::string& what) {
  return fail(ErrorCode::kDataLoss, "steering bank: " + what);
}

/// First `bits` bits of a 16-byte address as two little-endian words.
void prefix_masks(unsigned bits, std::uint64_t& low, std::uint64_t& high) {
  unsigned char mask[16] = {};
  for (unsigned i = 0; i < bits; ++i)
    mask[i / 8] = static_cast<unsigned char>(mask[i / 8] | (0x80u >> (i % 8)));
  std::memcpy(&low, mask, 8);
  std::memcpy(&high, mask + 8, 8);
}

bool family_and_length_ok(std::uint8_t family, std::uint8_t length) {
  return (family == 4 && length <= 32) || (family == 6 && length <= 128);
}

/// Bounds and form of the names section; calls `use(kind, number, text)` for each record.
template <typename F>
bool walk_names(const unsigned char* p, std::size_t bytes, F use) {
  std::size_t at = 0;
  while (at < bytes) {
    if (bytes - at < sizeof(fl_name)) return false;
    fl_name record;
    std::memcpy(&record, p + at, sizeof record);
    at += sizeof record;
    if (record.length == 0 || bytes - at < record.length) return false;
    std::uint32_t number = 0;
    std::memcpy(&number, record.number, sizeof number);
    const bool vip = record.kind == FL_NAME_VIP && number < FL_MAX_VIPS;
    const bool backend = record.kind == FL_NAME_BACKEND && number < FL_MAX_BACKENDS;
    if (!vip && !backend) return false;
    use(record.kind, number, std::string_view(reinterpret_cast<const char*>(p + at), record.length)
    );
    at += record.length;
  }
  return true;
}

const unsigned char* names_of(const fl_bank& bank) {
  return reinterpret_cast<const unsigned char*>(&bank) +
         std::size_t{bank.names_line} * FL_LINE_BYTES;
}

}  // namespace

/// One attach in progress; on success fills the view.
class BankProof {
 public:
  BankProof(const void* bank, std::size_t capacity)
      : bank_(static_cast<const fl_bank*>(bank)), capacity_(capacity) {}

  Result<TableView> run() {
    FL_TRY(check_header());
    FL_TRY(check_sections());
    FL_TRY(check_shapes());
    FL_TRY(check_members());
    FL_TRY(check_vips());
    if (!walk_names(names_of(*bank_), bank_->names_bytes, [](auto, auto, auto) {}))
      return damaged("a name record is malformed");
    index_addresses();
    return view_;
  }

 private:
  Result<std::monostate> check_header() {
    if (bank_ == nullptr || reinterpret_cast<std::uintptr_t>(bank_) % FL_LINE_BYTES != 0)
      return damaged("not at a line boundary");
    if (capacity_ < FL_BANK_HEADER_BYTES) return damaged("shorter than its header");
    const std::size_t used = bank_->used_bytes;
    if (used < FL_BANK_HEADER_BYTES || used > capacity_ || used % FL_LINE_BYTES != 0)
      return damaged("used_bytes " + std::to_string(used) + " is impossible");
    if (bank_checksum(bank_, used) != bank_->checksum) return damaged("checksum does not match");
    if (bank_->generation == 0) return damaged("generation 0");
    if (bank_->vip_count > FL_MAX_VIPS) return damaged("too many vips");
    if (bank_->member_count > FL_MAX_MEMBERS) return damaged("too many members");
    if (bank_->shape_count > FL_MAX_SHAPES) return damaged("too many shapes");
    const std::uint32_t mask = bank_->index_mask;
    if (mask > 0xffffu || (mask & (mask + 1)) != 0) return damaged("index size is no power of two");
    return std::monostate{};
  }

  /// True when `bytes` from `line` on lie in the used part, behind the header.
  [[nodiscard]] bool inside(std::uint32_t line, std::uint64_t bytes) const {
    const std::uint64_t begin = std::uint64_t{line} * FL_LINE_BYTES;
    return begin >= FL_BANK_HEADER_BYTES && begin <= bank_->used_bytes &&
           bytes <= bank_->used_bytes - begin;
  }
  [[nodiscard]] const unsigned char* at(std::uint32_t line) const {
    return reinterpret_cast<const unsigned char*>(bank_) + std::size_t{line} * FL_LINE_BYTES;
  }

  Result<std::monostate> check_sections() {
    const fl_bank& b = *bank_;
    if (!inside(b.index_line, (std::uint64_t{b.index_mask} + 1) * sizeof(std::uint16_t)))
      return damaged("vip index lies outside");
    if (!inside(b.vips_line, std::uint64_t{b.vip_count} * sizeof(fl_vip)))
      return damaged("vips lie outside");
    if (!inside(b.members_line, std::uint64_t{b.member_count} * sizeof(fl_member)))
      return damaged("members lie outside");
    if (!inside(b.names_line, b.names_bytes)) return damaged("names lie outside");
    view_.bank_ = bank_;
    view_.index_ = reinterpret_cast<const std::uint16_t*>(at(b.index_line));
    view_.index_mask_ = b.index_mask;
    view_.vips_ = reinterpret_cast<const fl_vip*>(at(b.vips_line));
    view_.vip_count_ = b.vip_count;
    view_.members_ = reinterpret_cast<const fl_member*>(at(b.members_line));
    view_.member_count_ = b.member_count;
    for (std::uint32_t i = 0; i <= b.index_mask; ++i)
      if (view_.index_[i] != FL_VIP_EMPTY && view_.index_[i] >= b.vip_count)
        return damaged("vip index names vip " + std::to_string(view_.index_[i]));
    return std::monostate{};
  }

  Result<std::monostate> check_shapes() {
    view_.shape_count_ = bank_->shape_count;
    for (std::uint32_t i = 0; i < bank_->shape_count; ++i) {
      const fl_shape& shape = bank_->shapes[i];
      if (!family_and_length_ok(shape.family, shape.prefix_len) || shape.any_port > 1)
        return damaged("shape " + std::to_string(i) + " is impossible");
      TableView::Shape& out = view_.shapes_[i];
      prefix_masks(shape.prefix_len, out.low_mask, out.high_mask);
      out.family = shape.family;
      out.prefix_len = shape.prefix_len;
      out.any_port = shape.any_port == 1;
    }
    return std::monostate{};
  }

  Result<std::monostate> check_members() {
    for (const fl_member& m : view_.members()) {
      const bool ok = m.state <= FL_MEMBER_DOWN && m.backend < FL_MAX_BACKENDS &&
                      m.vip < FL_MAX_VIPS && (m.family == 4 || m.family == 6);
      if (!ok) {
        const auto number = &m - view_.members_;
        return damaged("member " + std::to_string(number) + " is impossible");
      }
    }
    return std::monostate{};
  }

  Result<std::monostate> check_vips() {
    for (const fl_vip& v : view_.vips()) {
      const std::string name = "vip " + std::to_string(v.vip);
      const bool ok = family_and_length_ok(v.family, v.prefix_len) && v.vip < FL_MAX_VIPS &&
                      v.encapsulation >= FL_ENCAP_IPIP && v.encapsulation <= FL_ENCAP_L2 &&
                      v.choices >= 1 && v.choices <= FL_MAX_CANDIDATES &&
                      v.pool_size <= FL_MAX_BACKENDS;
      if (!ok) return damaged(name + " is impossible");
      if (!inside(v.slots_line, std::uint64_t{v.table_size} * sizeof(std::uint32_t)))
        return damaged(name + ": slots lie outside");
      if (!inside(v.pool_line, std::uint64_t{v.pool_size} * sizeof(std::uint32_t)))
        return damaged(name + ": pool lies outside");
      for (const std::uint32_t member : view_.pool(v))
        if (member >= bank_->member_count)
          return damaged(name + ": its pool names member " + std::to_string(member));
      FL_TRY(check_slots(v, name));
      if ((v.flags & FL_VIP_QUIC) != 0) FL_TRY(check_quic(v, name));
    }
    return std::monostate{};
  }

  /// One pass over the slots; tables that vips share are passed over once, as a rule.
  Result<std::monostate> check_slots(const fl_vip& v, const std::string& name) {
    Named& named = named_[v.slots_line % named_.size()];
    if (named.line != v.slots_line || named.size != v.table_size) {
      std::uint32_t owner = 0;  // locals: a loop over members is not vectorized
      std::uint32_t earlier = 0;
      for (const std::uint32_t slot : view_.slots(v)) {
        owner = std::max(owner, fl_slot_owner(slot));
        earlier = std::max(earlier, fl_slot_earlier(slot));
      }
      named = {v.slots_line, v.table_size, owner, earlier};
    }
    if (v.table_size > 0 && named.owner >= v.pool_size)
      return damaged(name + ": a slot names position " + std::to_string(named.owner));
    if (named.earlier > v.pool_size) return damaged(name + ": a slot has an unknown past");
    return std::monostate{};
  }

  Result<std::monostate> check_quic(const fl_vip& v, const std::string& name) {
    const std::uint64_t entries = std::uint64_t{v.quic_mask} + 1;
    if ((entries & v.quic_mask) != 0 || entries > 2 * FL_MAX_MEMBERS)
      return damaged(name + ": size of the server index is no power of two");
    if (!inside(v.quic_line, entries * sizeof(fl_quic_server)))
      return damaged(name + ": servers lie outside");
    for (const std::uint8_t bytes : v.quic_id_bytes)
      if (bytes > FL_QUIC_SERVER_ID_BYTES) return damaged(name + ": a server id is too long");
    const std::span servers(view_.quic_servers(v), entries);
    for (const fl_quic_server& server : servers)
      if (server.member != FL_NO_MEMBER && server.member >= bank_->member_count)
        return damaged(name + ": a server id names member " + std::to_string(server.member));
    return std::monostate{};
  }

  /// Enters every distinct prefix once.
  void index_addresses() {
    view_.addresses_.fill(FL_VIP_EMPTY);
    for (std::uint32_t position = 0; position < view_.vip_count_; ++position) {
      const fl_vip& v = view_.vips_[position];
      std::uint64_t address[2];
      std::memcpy(address, v.address, sizeof address);
      const TableView::Shape shape{0, 0, v.family, v.prefix_len, false};
      std::uint32_t at = fl_vip_hash(address[0], address[1], 0, 0);
      std::uint16_t* entry = &view_.addresses_[at % TableView::kAddresses];
      while (*entry != FL_VIP_EMPTY &&
             !TableView::same_prefix(view_.vips_[*entry], address[0], address[1], shape))
        entry = &view_.addresses_[++at % TableView::kAddresses];
      *entry = static_cast<std::uint16_t>(position);
    }
  }

  /// The highest positions that the slots of a table name.
  struct Named {
    std::uint32_t line = 0;  // of a header: no table's
    std::uint32_t size = 0;
    std::uint32_t owner = 0;
    std::uint32_t earlier = 0;
  };

  const fl_bank* bank_;
  std::size_t capacity_;
  TableView view_;
  std::array<Named, 61> named_{};
};

Result<TableView> TableView::attach(const void* bank, std::size_t capacity) {
  return BankProof(bank, capacity).run();
}

std::vector<std::uint32_t> count_slots(const TableView& table, const fl_vip& vip) {
  std::vector<std::uint32_t> counts(vip.pool_size, 0);
  for (const std::uint32_t slot : table.slots(vip)) ++counts[fl_slot_owner(slot)];
  return counts;
}

Names read_names(const TableView& table) {
  Names names;
  if (!table.valid()) return names;
  const auto put = [](std::vector<std::string>& list, std::uint32_t number, std::string_view text) {
    if (list.size() <= number) list.resize(number + 1);
    list[number] = text;
  };
  walk_names(
      names_of(table.bank()),
      table.bank().names_bytes,
      [&](std::uint8_t kind, std::uint32_t number, std::string_view text) {
        put(kind == FL_NAME_VIP ? names.vips : names.backends, number, text);
      }
  );
  return names;
}

}  // namespace fairlead::steer
