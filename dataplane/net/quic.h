/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Which server a QUIC packet is for, if its connection id says so in clear: QUIC-LB
/// (draft-ietf-quic-load-balancers-21), sections 3 and 5.2, plaintext connection ids.
///
///   header     RFC 8999: bit 7 of the first byte set: long: version (4 bytes), length of the
///              destination connection id (1), the id; clear: short: the id, its length known to
///              the server only
///   id         first octet: number of the configuration (3 bits; 7 says that nobody is named),
///              5 bits for length or noise; server id; nonce
///
/// Configurations rotate: several may be in use at once, each with its own length of server ids.
/// Nothing else of QUIC is looked at: neither version nor packet type, which may be new tomorrow.
#ifndef FAIRLEAD_NET_QUIC_H
#define FAIRLEAD_NET_QUIC_H

#include <stdint.h>

#define FL_QUIC_LONG 0x80u
#define FL_QUIC_SHORT_ID_AT 1u
#define FL_QUIC_LONG_ID_AT 6u
#define FL_QUIC_LONGEST_ID 20u
#define FL_QUIC_MIN_NONCE 4u

/// Where the destination connection id lies in a UDP payload of `bytes` readable bytes, and how
/// much of it can be read (of a short header's: all that follows). 0: nowhere.
static inline uint32_t fl_quic_id_at(const uint8_t* payload, uint32_t bytes, uint32_t* id_bytes) {
  if (bytes < FL_QUIC_LONG_ID_AT) return 0;
  if (!(payload[0] & FL_QUIC_LONG)) {
    *id_bytes = bytes - FL_QUIC_SHORT_ID_AT;
    return FL_QUIC_SHORT_ID_AT;
  }
  *id_bytes = payload[5];
  if (*id_bytes == 0 || *id_bytes > FL_QUIC_LONGEST_ID) return 0;
  return *id_bytes <= bytes - FL_QUIC_LONG_ID_AT ? FL_QUIC_LONG_ID_AT : 0;
}

/// The key of struct fl_quic_server that a connection id names; 1 if it names one.
/// `server_id_bytes`: fl_vip.quic_id_bytes.
static inline int fl_quic_key(
    const uint8_t* id, uint32_t id_bytes, const uint8_t server_id_bytes[8], uint8_t key[16]
) {
  const uint32_t config = (uint32_t)id[0] >> 5;
  const uint32_t wanted = server_id_bytes[config & 7u];
  if (wanted == 0 || wanted > 15 || id_bytes < 1 + wanted + FL_QUIC_MIN_NONCE) return 0;
  key[0] = (uint8_t)config;
  for (uint32_t i = 0; i < 15; ++i) key[1 + i] = i < wanted ? id[1 + i] : (uint8_t)0;
  return 1;
}

#endif
