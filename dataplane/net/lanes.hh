// SPDX-License-Identifier: BSD-3-Clause
// Eight packets side by side: one 32-bit field of eight headers in one AVX2 register, and the few
// moves that bring headers there. Everything is raw little-endian words from the wire.
#pragma once

#include <cstdint>
#include <immintrin.h>

#include "dataplane/net/wire.hh"

namespace fairlead::net {

inline constexpr unsigned kLanes = 8;

/// The same field of eight packets.
using Lanes [[gnu::vector_size(4 * kLanes)]] = std::uint32_t;
using SignedLanes [[gnu::vector_size(4 * kLanes)]] = std::int32_t;

/// First bytes of eight frames.
using Frames = const std::uint8_t* const*;

[[nodiscard]] inline Lanes all_lanes(std::uint32_t value) {
  return Lanes{} + value;
}
[[nodiscard]] inline Lanes load_lanes(const std::uint32_t* at) {
  return reinterpret_cast<Lanes>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}
inline void store_lanes(std::uint32_t* at, Lanes lanes) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), reinterpret_cast<__m256i>(lanes));
}

/// All bits of a lane where it holds. Values below 2^31: AVX2 compares signed numbers only.
[[nodiscard]] inline Lanes above(Lanes a, Lanes b) {
  return reinterpret_cast<Lanes>(
      reinterpret_cast<SignedLanes>(a) > reinterpret_cast<SignedLanes>(b)
  );
}
[[nodiscard]] inline Lanes equal(Lanes a, Lanes b) {
  return reinterpret_cast<Lanes>(a == b);
}
/// `a` where the mask is set, `b` elsewhere.
[[nodiscard]] inline Lanes choose(Lanes mask, Lanes a, Lanes b) {
  return reinterpret_cast<Lanes>(_mm256_blendv_epi8(
      reinterpret_cast<__m256i>(b), reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(mask)
  ));
}
/// Bit i: the top bit of lane i.
[[nodiscard]] inline std::uint32_t bits_of(Lanes mask) {
  return static_cast<std::uint32_t>(
      _mm256_movemask_ps(_mm256_castsi256_ps(reinterpret_cast<__m256i>(mask)))
  );
}
/// All bits of lane i where bit i is set.
[[nodiscard]] inline Lanes lanes_of(std::uint32_t bits) {
  const Lanes each = {1, 2, 4, 8, 16, 32, 64, 128};
  return equal(all_lanes(bits) & each, each);
}

/// Bytes 0 and 1 of each lane as a number.
[[nodiscard]] inline Lanes number_at0(Lanes words) {
  const __m256i order = _mm256_setr_epi8(
      1,
      0,
      -1,
      -1,
      5,
      4,
      -1,
      -1,
      9,
      8,
      -1,
      -1,
      13,
      12,
      -1,
      -1,  //
      1,
      0,
      -1,
      -1,
      5,
      4,
      -1,
      -1,
      9,
      8,
      -1,
      -1,
      13,
      12,
      -1,
      -1
  );
  return reinterpret_cast<Lanes>(_mm256_shuffle_epi8(reinterpret_cast<__m256i>(words), order));
}
/// Bytes 2 and 3 of each lane as a number.
[[nodiscard]] inline Lanes number_at2(Lanes words) {
  const __m256i order = _mm256_setr_epi8(
      3,
      2,
      -1,
      -1,
      7,
      6,
      -1,
      -1,
      11,
      10,
      -1,
      -1,
      15,
      14,
      -1,
      -1,  //
      3,
      2,
      -1,
      -1,
      7,
      6,
      -1,
      -1,
      11,
      10,
      -1,
      -1,
      15,
      14,
      -1,
      -1
  );
  return reinterpret_cast<Lanes>(_mm256_shuffle_epi8(reinterpret_cast<__m256i>(words), order));
}
/// A number below 2^16 as bytes 2 and 3 of its lane; bytes 0 and 1 are zero.
[[nodiscard]] inline Lanes to_bytes2(Lanes numbers) {
  const __m256i order = _mm256_setr_epi8(
      -1,
      -1,
      1,
      0,
      -1,
      -1,
      5,
      4,
      -1,
      -1,
      9,
      8,
      -1,
      -1,
      13,
      12,  //
      -1,
      -1,
      1,
      0,
      -1,
      -1,
      5,
      4,
      -1,
      -1,
      9,
      8,
      -1,
      -1,
      13,
      12
  );
  return reinterpret_cast<Lanes>(_mm256_shuffle_epi8(reinterpret_cast<__m256i>(numbers), order));
}

/// One's complement sums of 16-bit words, folded to 16 bits (see fold_sum).
[[nodiscard]] inline Lanes half_words(Lanes words) {
  return (words & 0xffffU) + (words >> 16);
}

/// 16 bytes from `offset` of each of eight frames: field w of packet i is word[w][i].
struct SixteenBytes {
  Lanes word[4];
};
[[nodiscard]] inline SixteenBytes load16(Frames frames, unsigned offset) {
  // Packets 0..3 in the lower halves, 4..7 in the upper; then two transpositions of 4 by 4 at once.
  const auto row = [&](unsigned i) {
    const auto at = [&](unsigned packet) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(frames[packet] + offset));
    };
    return _mm256_inserti128_si256(_mm256_castsi128_si256(at(i)), at(i + 4), 1);
  };
  const __m256i r0 = row(0);
  const __m256i r1 = row(1);
  const __m256i r2 = row(2);
  const __m256i r3 = row(3);
  const __m256i low01 = _mm256_unpacklo_epi32(r0, r1);
  const __m256i low23 = _mm256_unpacklo_epi32(r2, r3);
  const __m256i high01 = _mm256_unpackhi_epi32(r0, r1);
  const __m256i high23 = _mm256_unpackhi_epi32(r2, r3);
  return {
      {reinterpret_cast<Lanes>(_mm256_unpacklo_epi64(low01, low23)),
       reinterpret_cast<Lanes>(_mm256_unpackhi_epi64(low01, low23)),
       reinterpret_cast<Lanes>(_mm256_unpacklo_epi64(high01, high23)),
       reinterpret_cast<Lanes>(_mm256_unpackhi_epi64(high01, high23))}};
}

/// The way back: packet i's 16 bytes at row[i].
inline void store16(std::uint8_t (*row)[16], Lanes w0, Lanes w1, Lanes w2, Lanes w3) {
  const auto raw = [](Lanes lanes) { return reinterpret_cast<__m256i>(lanes); };
  const __m256i low01 = _mm256_unpacklo_epi32(raw(w0), raw(w1));
  const __m256i low23 = _mm256_unpacklo_epi32(raw(w2), raw(w3));
  const __m256i high01 = _mm256_unpackhi_epi32(raw(w0), raw(w1));
  const __m256i high23 = _mm256_unpackhi_epi32(raw(w2), raw(w3));
  // Written out: at -O2 GCC 12 makes a loop of it that goes through memory once more.
  const auto put = [&](unsigned i, __m256i two) {
    _mm_store_si128(reinterpret_cast<__m128i*>(row[i]), _mm256_castsi256_si128(two));
    _mm_store_si128(reinterpret_cast<__m128i*>(row[i + 4]), _mm256_extracti128_si256(two, 1));
  };
  put(0, _mm256_unpacklo_epi64(low01, low23));
  put(1, _mm256_unpackhi_epi64(low01, low23));
  put(2, _mm256_unpacklo_epi64(high01, high23));
  put(3, _mm256_unpackhi_epi64(high01, high23));
}

/// Two bytes from `offset` of each of eight frames, in the low halves.
[[nodiscard]] inline Lanes load2(Frames frames, unsigned offset) {
  const auto at = [&](unsigned i) {
    std::uint16_t word;
    __builtin_memcpy(&word, frames[i] + offset, sizeof word);
    return static_cast<int>(word);
  };
  __m128i words = _mm_setzero_si128();
  words = _mm_insert_epi16(words, at(0), 0);
  words = _mm_insert_epi16(words, at(1), 1);
  words = _mm_insert_epi16(words, at(2), 2);
  words = _mm_insert_epi16(words, at(3), 3);
  words = _mm_insert_epi16(words, at(4), 4);
  words = _mm_insert_epi16(words, at(5), 5);
  words = _mm_insert_epi16(words, at(6), 6);
  words = _mm_insert_epi16(words, at(7), 7);
  return reinterpret_cast<Lanes>(_mm256_cvtepu16_epi32(words));
}

/// Lane i of `low` and `high` as one 64-bit word, at word[i].
inline void store_pairs(std::uint64_t* word, Lanes low, Lanes high) {
  const __m256i first =
      _mm256_unpacklo_epi32(reinterpret_cast<__m256i>(low), reinterpret_cast<__m256i>(high));
  const __m256i second =
      _mm256_unpackhi_epi32(reinterpret_cast<__m256i>(low), reinterpret_cast<__m256i>(high));
  auto* const at = reinterpret_cast<__m256i*>(word);
  _mm256_storeu_si256(at, _mm256_permute2x128_si256(first, second, 0x20));
  _mm256_storeu_si256(at + 1, _mm256_permute2x128_si256(first, second, 0x31));
}

/// 32 bytes from `offset` of each of four frames: 64-bit word w of packet i goes to word[w][i].
template <std::size_t Columns>
inline void store_quads(
    std::uint64_t (*word)[Columns], std::size_t column, Frames frames, unsigned offset
) {
  const auto row = [&](unsigned i) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(frames[i] + offset));
  };
  const __m256i r0 = row(0);
  const __m256i r1 = row(1);
  const __m256i r2 = row(2);
  const __m256i r3 = row(3);
  const __m256i even01 = _mm256_unpacklo_epi64(r0, r1);
  const __m256i odd01 = _mm256_unpackhi_epi64(r0, r1);
  const __m256i even23 = _mm256_unpacklo_epi64(r2, r3);
  const __m256i odd23 = _mm256_unpackhi_epi64(r2, r3);
  const auto put = [&](unsigned w, __m256i words) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(&word[w][column]), words);
  };
  put(0, _mm256_permute2x128_si256(even01, even23, 0x20));
  put(1, _mm256_permute2x128_si256(odd01, odd23, 0x20));
  put(2, _mm256_permute2x128_si256(even01, even23, 0x31));
  put(3, _mm256_permute2x128_si256(odd01, odd23, 0x31));
}

}  // namespace fairlead::net
