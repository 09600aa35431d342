/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// Part of steer/abi.h: what QUIC connection ids name.
#ifndef FAIRLEAD_STEER_ABI_QUIC_H
#define FAIRLEAD_STEER_ABI_QUIC_H

#include <stdint.h>

#define FL_QUIC_CONFIGS 7u /* 0..6; 7 says that a connection id names nobody */
#define FL_QUIC_SERVER_ID_BYTES 15u

/// A server id of a QUIC vip. An open-addressed index: fl_vip_hash(key as two little-endian words,
/// 0, 0), linear probing, at most FL_VIP_PROBES steps.
struct fl_quic_server {
  uint8_t key[16]; /* number of the configuration, then the server id, then zeros */
  uint32_t member; /* FL_NO_MEMBER: free entry */
  uint32_t reserved[3];
};

#endif
