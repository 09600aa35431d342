// SPDX-License-Identifier: BSD-3-Clause
// Shapes, derivation, bytes.
#include "control/steering/base_table.hh"

#include <algorithm>
#include <bit>
#include <charconv>
#include <numeric>

namespace fairlead::steering {
namespace {

using base::Result;

constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kMostBackends = 1 << 16;

/// Bits of a position among so many.
unsigned bits_for(std::size_t backends) {
  return backends < 2 ? 1 : static_cast<unsigned>(std::bit_width(backends - 1));
}

std::size_t packed_bytes(std::size_t slots, unsigned bits) {
  return (slots * bits + 7) / 8;
}

void pack(const std::vector<std::uint32_t>& owners, unsigned bits, std::string& out) {
  std::uint64_t held = 0;
  unsigned count = 0;
  for (const std::uint32_t owner : owners) {
    held |= std::uint64_t{owner} << count;
    for (count += bits; count >= 8; count -= 8) {
      out.push_back(static_cast<char>(held & 0xff));
      held >>= 8;
    }
  }
  if (count > 0) out.push_back(static_cast<char>(held & 0xff));
}

std::vector<std::uint32_t> unpack(std::string_view bytes, unsigned bits, std::size_t slots) {
  std::vector<std::uint32_t> owners;
  owners.reserve(slots);
  std::uint64_t held = 0;
  unsigned count = 0;
  std::size_t at = 0;
  while (owners.size() < slots) {
    for (; count < bits; count += 8)
      held |= std::uint64_t{static_cast<unsigned char>(bytes[at++])} << count;
    owners.push_back(static_cast<std::uint32_t>(held & ((1U << bits) - 1)));
    held >>= bits;
    count -= bits;
  }
  return owners;
}

/// Reads the head of a text, field by field.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}
  /// Up to `end`, which is skipped; empty where there is none.
  std::string_view until(char end) {
    const std::size_t at = std::min(rest_.find(end), rest_.size());
    const std::string_view field = rest_.substr(0, at);
    good_ = good_ && at < rest_.size() && !field.empty();
    rest_.remove_prefix(std::min(at + 1, rest_.size()));
    return field;
  }
  std::uint32_t number(char end) {
    const std::string_view field = until(end);
    std::uint32_t out = 0;
    const auto [last, error] = std::from_chars(field.data(), field.data() + field.size(), out);
    good_ = good_ && error == std::errc() && last == field.data() + field.size();
    return out;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

bool is_sound(const BaseTable& base) {
  if (!is_table_size(base.size)) return false;
  if (!base.owners.empty() && base.owners.size() != base.size) return false;
  const auto not_rising = [](const std::string& a, const std::string& b) { return a >= b; };
  if (std::adjacent_find(base.ids.begin(), base.ids.end(), not_rising) != base.ids.end())
    return false;
  return std::all_of(
             base.weights.begin(), base.weights.end(), [](auto w) { return w <= kMaxWeight; }
         ) &&
         std::all_of(base.owners.begin(), base.owners.end(), [&](auto owner) {
           return owner < base.ids.size();
         });
}

}  // namespace

BaseShape base_shape(const model::Vip& vip) {
  std::vector<std::size_t> order(vip.backends.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return vip.backends[a].id < vip.backends[b].id;
  });
  BaseShape shape;
  shape.fixed_size = vip.table_size;
  for (const std::size_t i : order) {
    shape.ids.emplace_back(vip.backends[i].id);
    shape.weights.push_back(vip.backends[i].weight);
  }
  return shape;
}

bool BaseTable::fits(const BaseShape& shape) const {
  return (shape.fixed_size == 0 ? size >= table_size_for(shape.ids.size())
                                : size == shape.fixed_size) &&
         weights == shape.weights &&
         std::equal(ids.begin(), ids.end(), shape.ids.begin(), shape.ids.end());
}

std::uint32_t next_table_size(std::uint32_t fixed, std::size_t backends, std::uint32_t before) {
  if (fixed != 0) return fixed;
  const std::uint32_t wanted = table_size_for(backends);
  return before > wanted && is_table_size(before) ? before : wanted;
}

Result<BaseTable> next_base(const BaseTable* before, const BaseShape& shape, const HashKey& key) {
  BaseTable next;
  next.ids.assign(shape.ids.begin(), shape.ids.end());
  next.weights = shape.weights;
  next.size =
      next_table_size(shape.fixed_size, shape.ids.size(), before == nullptr ? 0 : before->size);
  std::vector<MaglevBackend> backends;
  for (std::size_t i = 0; i < next.ids.size(); ++i)
    backends.push_back({keyed_hash(key, next.ids[i]), next.weights[i]});
  std::vector<std::uint32_t> owners;
  if (before != nullptr && before->owners.size() == next.size) {
    std::vector<std::uint32_t> position(before->ids.size(), kNobody);
    for (std::size_t i = 0; i < before->ids.size(); ++i) {
      const auto at = std::lower_bound(next.ids.begin(), next.ids.end(), before->ids[i]);
      if (at != next.ids.end() && *at == before->ids[i])
        position[i] = static_cast<std::uint32_t>(at - next.ids.begin());
    }
    for (const std::uint32_t owner : before->owners) owners.push_back(position[owner]);
  }
  FL_ASSIGN(MaglevTable built, build_table(backends, owners, next.size));
  next.owners = std::move(built.slots);
  return next;
}

std::string to_bytes(const BaseTable& base) {
  std::string out = std::to_string(kFormat) + " " + std::to_string(base.size) + " " +
                    std::to_string(base.ids.size()) + " " + std::to_string(base.owners.size()) +
                    "\n";
  for (std::size_t i = 0; i < base.ids.size(); ++i)
    out += std::to_string(base.weights[i]) + " " + base.ids[i] + "\n";
  pack(base.owners, bits_for(base.ids.size()), out);
  return out;
}

Result<BaseTable> base_from_bytes(std::string_view bytes) {
  const auto damaged = [] {
    return base::fail(base::ErrorCode::kDataLoss, "a base layer of another version, or damaged");
  };
  Fields fields(bytes);
  const std::uint32_t format = fields.number(' ');
  BaseTable base;
  base.size = fields.number(' ');
  const std::uint32_t backends = fields.number(' ');
  const std::uint32_t slots = fields.number('\n');
  if (!fields.good() || format != kFormat || backends > kMostBackends) return damaged();
  for (std::uint32_t i = 0; i < backends && fields.good(); ++i) {
    base.weights.push_back(fields.number(' '));
    base.ids.emplace_back(fields.until('\n'));
  }
  const unsigned bits = bits_for(backends);
  if (!fields.good() || fields.rest().size() != packed_bytes(slots, bits)) return damaged();
  base.owners = unpack(fields.rest(), bits, slots);
  if (!is_sound(base)) return damaged();
  return base;
}

}  // namespace fairlead::steering
