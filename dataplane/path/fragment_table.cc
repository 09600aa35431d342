// SPDX-License-Identifier: BSD-3-Clause
// The table of datagrams under way.
#include "dataplane/path/fragment_table.hh"

#include "dataplane/steer/tuple_hash.hh"

namespace fairlead::path {
namespace {

// An entry's word: member 0-19, port 20-35, fate 36-37, milliseconds modulo 2^26 38-63.
constexpr unsigned kPortShift = 20;
constexpr unsigned kFateShift = 36;
constexpr unsigned kTimeShift = 38;
constexpr std::uint64_t kTimeMask = (1U << 26) - 1;
static_assert(FL_MAX_MEMBERS <= 1U << kPortShift);

std::uint64_t milliseconds(base::Nanoseconds now) {
  return static_cast<std::uint64_t>(now / base::kMillisecond) & kTimeMask;
}

std::uint64_t word_of(const FirstFragment& first, base::Nanoseconds now) {
  return first.member | std::uint64_t{first.port_raw} << kPortShift |
         static_cast<std::uint64_t>(first.fate) << kFateShift | milliseconds(now) << kTimeShift;
}

std::uint64_t age_ms(std::uint64_t word, base::Nanoseconds now) {
  return (milliseconds(now) - (word >> kTimeShift)) & kTimeMask;
}

bool is_old(std::uint64_t word, base::Nanoseconds now) {
  return age_ms(word, now) > FragmentTable::kLife / base::kMillisecond;
}

FirstFragment read_word(std::uint64_t word) {
  return {
      static_cast<FirstFragment::Fate>(word >> kFateShift & 3U),
      static_cast<std::uint32_t>(word & ((1U << kPortShift) - 1)),
      static_cast<std::uint16_t>(word >> kPortShift)};
}

std::uint64_t load(const std::uint64_t& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}
void store(std::uint64_t& word, std::uint64_t value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}

}  // namespace

std::uint64_t datagram_hash(const std::uint64_t* key, const net::ParsedPacket& packet) {
  net::FiveTuple name = packet.tuple;
  name.ports_raw = packet.fragment_id;
  if (name.family == 6) name.protocol = static_cast<std::uint8_t>(net::IpProto::kFragment);
  const std::uint64_t hash = steer::tuple_hash(key, name);
  return hash == 0 ? 1 : hash;
}

FragmentTable::FragmentTable() : lines_(std::make_unique<Line[]>(kDatagrams / kWays)) {}

FragmentTable::Line& FragmentTable::line_of(std::uint64_t hash) const {
  constexpr std::uint32_t kLines = kDatagrams / kWays;
  static_assert((kLines & (kLines - 1)) == 0);
  return lines_[hash & (kLines - 1)];
}

FragmentTable::Entry* FragmentTable::match(std::uint64_t hash) const {
  for (Entry& entry : line_of(hash).entry)
    if (load(entry.hash) == hash) return &entry;
  return nullptr;
}

void FragmentTable::record(std::uint64_t hash, const FirstFragment& first, base::Nanoseconds now) {
  Entry* place = match(hash);
  if (place == nullptr) {
    Line& line = line_of(hash);
    place = &line.entry[0];
    for (Entry& entry : line.entry) {
      if (place->hash == 0) break;
      if (entry.hash == 0 || age_ms(entry.word, now) > age_ms(place->word, now)) place = &entry;
    }
  }
  store(place->hash, 0);
  store(place->word, word_of(first, now));
  store(place->hash, hash);
}

std::optional<FirstFragment> FragmentTable::find(std::uint64_t hash, base::Nanoseconds now) const {
  const Entry* const entry = match(hash);
  if (entry == nullptr) return std::nullopt;
  const std::uint64_t word = load(entry->word);
  if (load(entry->hash) != hash || is_old(word, now)) return std::nullopt;
  return read_word(word);
}

std::optional<FirstFragment> FragmentTable::use(std::uint64_t hash, base::Nanoseconds now) {
  Entry* const entry = match(hash);
  if (entry == nullptr || is_old(entry->word, now)) return std::nullopt;
  const FirstFragment first = read_word(entry->word);
  store(entry->word, word_of(first, now));
  return first;
}

}  // namespace fairlead::path
