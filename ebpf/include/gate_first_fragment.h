/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// What the gate remembers of a datagram's first fragment (path/fragment_table.hh).
#ifndef FAIRLEAD_EBPF_GATE_FIRST_FRAGMENT_H
#define FAIRLEAD_EBPF_GATE_FIRST_FRAGMENT_H

#include <stdint.h>

#define FL_GATE_DATAGRAMS 8192u
/// Longest pause between two fragments of a datagram.
#define FL_GATE_DATAGRAM_LIFE_NS 2000000000ull

enum fl_first_fate { FL_FIRST_FORWARDED, FL_FIRST_PUNTED, FL_FIRST_DROPPED };

struct fl_gate_first {
  uint64_t seen_ns; /* of its last fragment */
  uint32_t member;  /* forwarded */
  uint16_t port;    /* destination, as on the wire */
  uint8_t protocol;
  uint8_t fate; /* enum fl_first_fate */
};

#endif
