/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-3-Clause) */
/// The layout of everything that processes share: the one definition for C++ and for eBPF.
///
/// A *region* is an array of 64-byte lines in shared memory. Line 0 is fl_region_header. All
/// positions are line numbers or indices, never pointers. Integers are little-endian (host order);
/// addresses and ports are as on the wire (network order). Layout changes raise FL_ABI_VERSION.
///
///   region      written by                read by                      file
///   steering    fairlead-control          workers, gate, CLI           steering
///   scores      fairlead-control          workers                      scores
///   workers     one page per worker       control, CLI                 workers
///   flows.N     worker N                  control, CLI                 flows.N
///
/// Publication (docs/publication.md): generation g lives in bank g % FL_BANKS of `steering`.
#ifndef FAIRLEAD_STEER_ABI_H
#define FAIRLEAD_STEER_ABI_H

#include <stdint.h>

#include "dataplane/steer/abi_quic.h"
#include "dataplane/steer/latency_bucket.h"

#define FL_ABI_MAGIC 0x4441454c52494146ULL /* "FAIRLEAD" read as little-endian */
#define FL_ABI_VERSION 4u

#define FL_LINE_BYTES 64u
#define FL_BANKS 4u
#define FL_MAX_WORKERS 64u
#define FL_MAX_VIPS 1024u
#define FL_MAX_BACKENDS 4096u     /* backends a node can know at once, over all vips */
#define FL_MAX_MEMBERS (1u << 19) /* (vip, backend) pairs; 19 bits in a flow entry */
#define FL_MAX_CANDIDATES 4u
#define FL_MAX_SHAPES 8u
#define FL_NO_MEMBER 0xffffffffu

#ifdef __cplusplus
#define FL_STATIC_ASSERT(c, m) static_assert(c, m)
#define FL_LINE_ALIGNED alignas(64)
#else
#define FL_STATIC_ASSERT(c, m) _Static_assert(c, m)
#define FL_LINE_ALIGNED __attribute__((aligned(64)))
#endif
#define FL_ONE_LINE(type) FL_STATIC_ASSERT(sizeof(struct type) == 64, #type " fills one line")

#include "dataplane/steer/flow_layout.h"

enum fl_region_kind {
  FL_REGION_STEERING = 1,
  FL_REGION_SCORES = 2,
  FL_REGION_WORKERS = 3,
  FL_REGION_FLOWS = 4,
};

/// Line 0 of every region. `magic` is written last, so a half-made region is never accepted.
struct FL_LINE_ALIGNED fl_region_header {
  uint64_t magic;
  uint32_t version;
  uint32_t kind;       /* enum fl_region_kind */
  uint64_t bytes;      /* whole region */
  uint64_t created_ns; /* CLOCK_MONOTONIC */
  uint64_t parameter;  /* steering: bytes of a bank; flows: buckets (power of two); else 0 */
  uint64_t reserved[3];
};
FL_ONE_LINE(fl_region_header);

/* ---- steering: control -> workers ------------------------------------------------------- */

/// Line 1 of `steering`. The only word that workers poll.
struct FL_LINE_ALIGNED fl_current {
  uint64_t generation; /* 0: nothing published yet; store-release by control */
  uint64_t published_ns;
  uint64_t reserved[6];
};
FL_ONE_LINE(fl_current);

/// Line 2 of `steering`: which flows the workers are to forget (docs/data-path.md, "Flushing"). The
/// fields are written while no worker is at work on the order before, then `sequence`
/// (store-release). A worker looks at `sequence` once per poll; a worker that starts takes the
/// order it finds for done.
struct FL_LINE_ALIGNED fl_flow_order {
  uint64_t sequence;   /* 0: none yet */
  uint64_t hash;       /* the flow with this hash, if `one_flow` */
  uint32_t one_flow;   /* 1: at most the flow `hash` of vip `vip` */
  uint32_t vip;        /* only flows of this vip number; FL_ANY: of all */
  uint32_t backend;    /* only flows of this backend number; FL_ANY: of all */
  uint32_t per_second; /* most flows that all workers together forget in a second; 0: no limit */
  uint64_t reserved[4];
};
FL_ONE_LINE(fl_flow_order);
#define FL_ANY 0xffffffffu
#define FL_FLOW_ORDER_OFFSET 128u

#define FL_BANKS_OFFSET 4096u /* bytes from the start of `steering` to bank 0 */

enum fl_encapsulation { FL_ENCAP_IPIP = 1, FL_ENCAP_GUE = 2, FL_ENCAP_L2 = 3 };

#define FL_OUTER_DSCP_INNER 0xffu /* outer DSCP: that of the packet inside */

/// fl_bank.outer_flags; docs/wire-format.md says what each is good for.
#define FL_OUTER_DF_CLEAR 1u     /* outer IPv4 without DF */
#define FL_OUTER_DF_INNER 2u     /* outer IPv4: DF as inside; set where IPv6 is inside */
#define FL_OUTER_UDP_CHECKSUM 4u /* outer UDP checksum, from the one inside (RFC 1071) */
#define FL_ICMP_FROM_NODE 8u     /* own ICMP errors come from the node's address, not the vip's */

enum fl_member_state {
  FL_MEMBER_FREE = 0, /* number not in use: flows that name it re-decide; `backend`, `vip` and
                         `protocol` stay as they were until reuse, to undo counts */
  FL_MEMBER_ACTIVE = 1,
  FL_MEMBER_DRAINING = 2, /* keeps its flows, gets no new ones */
  FL_MEMBER_DOWN = 3,     /* unhealthy: flows re-decide at their next packet */
};

/// One way to match a destination: vips share few shapes, so lookup is one probe per shape, most
/// specific first (longer prefix, then exact port).
struct fl_shape {
  uint8_t family; /* 4 or 6 */
  uint8_t prefix_len;
  uint8_t any_port; /* 1: port is not compared */
  uint8_t reserved;
};

/// First 4 lines of a bank; offsets in lines from the start of the bank.
struct FL_LINE_ALIGNED fl_bank {
  uint64_t generation;
  uint64_t digest;   /* of the meaning (vips, members, slots): equal on nodes that agree */
  uint64_t checksum; /* of bytes [0, used_bytes) with this field as 0 (bank_checksum.hh);
                        verified when attaching */
  uint64_t built_ns;
  uint32_t used_bytes;
  uint32_t vip_count;
  uint32_t member_count; /* members[0 .. member_count), by member number */
  uint32_t shape_count;
  uint32_t index_mask; /* vip index has index_mask + 1 entries of uint16_t */
  uint32_t index_line;
  uint32_t vips_line;
  uint32_t members_line;
  /* line 1 */
  uint64_t hash_key[2]; /* flow hash key: the fleet's secret */
  uint8_t node_address4[4];
  uint8_t node_address6[16];
  uint32_t new_flow_limit; /* new flows per second and worker above which flood mode starts */
  uint32_t names_line;     /* vip names and backend ids: struct fl_name records */
  uint32_t names_bytes;
  struct fl_shape shapes[FL_MAX_SHAPES];
  uint32_t idle_new_ms; /* flow time-outs by state: TCP */
  uint32_t idle_confirmed_ms;
  uint32_t idle_closing_ms;
  uint32_t idle_udp_ms;     /* UDP: after the second packet */
  uint32_t idle_udp_new_ms; /* UDP: after the first packet */
  uint32_t idle_reset_ms;
  uint32_t idle_adopted_ms;
  uint32_t reserved2;
  /* line 3: what the node writes (docs/wire-format.md) */
  uint8_t outer_source4[4]; /* of tunnels; zeros: none of this family */
  uint8_t outer_source6[16];
  uint8_t outer_entropy4; /* so many low bits of the source carry the flow's hash: 0..24 */
  uint8_t outer_entropy6; /* 0..64 */
  uint8_t outer_ttl;
  uint8_t outer_dscp; /* 0..63 or FL_OUTER_DSCP_INNER */
  uint8_t outer_flags;
  uint8_t reserved3[3];
  uint32_t icmp_error_limit; /* own ICMP errors per second and worker; 0: none */
  uint32_t icmp_echo_limit;  /* echo replies per second and worker; 0: none */
  uint32_t reserved4[7];
};
#define FL_BANK_HEADER_BYTES 256u
FL_STATIC_ASSERT(sizeof(struct fl_bank) == FL_BANK_HEADER_BYTES, "four lines");

/// Names section: packed records without padding, vips first, each kind by rising number. `length`
/// bytes of UTF-8 follow a record, no terminator.
enum fl_name_kind { FL_NAME_VIP = 1, FL_NAME_BACKEND = 2 };
struct fl_name {
  uint8_t number[4]; /* little-endian: vip or backend number */
  uint8_t kind;      /* enum fl_name_kind */
  uint8_t length;    /* 1..255 */
};
FL_STATIC_ASSERT(sizeof(struct fl_name) == 6, "packed by construction");

#define FL_VIP_EMPTY 0xffffu /* free entry of the vip index */

/// fl_vip.flags
#define FL_VIP_STATELESS 1u /* flows are not entered: every packet goes to the first candidate */
#define FL_VIP_QUIC 2u      /* connection ids may name the backend (net/quic.h) */
#define FL_VIP_NO_ECHO 4u   /* echo requests are the kernel's */
#define FL_VIP_ONLY_NODE 8u /* no other node ever has to find a flow (steer/reserves.h) */

/// A vip. The index maps fl_vip_hash(masked address, protocol, port or 0) to a position in vips[]
/// by open addressing with linear probing (at most FL_VIP_PROBES steps: the builder guarantees it).
struct FL_LINE_ALIGNED fl_vip {
  uint8_t address[16]; /* masked to prefix_len; IPv4 in the first 4 bytes, rest 0 */
  uint8_t family;      /* 4 or 6 */
  uint8_t prefix_len;
  uint8_t protocol;      /* 6 TCP, 17 UDP */
  uint8_t encapsulation; /* enum fl_encapsulation */
  uint8_t port[2];       /* network order; 0 = any */
  uint8_t choices;       /* 1..FL_MAX_CANDIDATES */
  uint8_t flags;         /* FL_VIP_* */
  uint32_t vip;          /* stable vip number < FL_MAX_VIPS: index of counters */
  uint32_t table_size;   /* slots; 0: pool is empty */
  uint32_t slots_line;   /* uint32_t slots, table_size of them; vips may have the same */
  uint32_t active_members;
  uint32_t quic_line; /* with FL_VIP_QUIC: struct fl_quic_server, quic_mask + 1 of them */
  uint32_t quic_mask;
  uint8_t quic_id_bytes[8]; /* server id's length by configuration; 0: not in use; [7] is 0 */
  uint32_t pool_line;       /* uint32_t member numbers: by position, what slots name */
  uint16_t pool_size;       /* at most FL_MAX_BACKENDS */
  uint16_t mss;             /* SYNs offer at most this; 0: as they come; FL_MSS_AUTO */
};
FL_ONE_LINE(fl_vip);
#define FL_VIP_PROBES 16u
#define FL_MSS_AUTO 0xffffu /* what fits the port's MTU with outer headers */

/// A slot names positions in the vip's pool, so that vips with equal pools have one table: bits
/// 0-15 the owner's, bits 16-31 one more than that of the member that owned the slot before (0:
/// nobody known). Flows that began before the slot moved may still live there (docs/steering.md).
#define FL_SLOT_EARLIER_SHIFT 16u
static inline uint32_t fl_slot_owner(uint32_t slot) {
  return slot & ((1u << FL_SLOT_EARLIER_SHIFT) - 1u);
}
static inline uint32_t fl_slot_earlier(uint32_t slot) {
  return slot >> FL_SLOT_EARLIER_SHIFT;
}
FL_STATIC_ASSERT(FL_MAX_BACKENDS < 1u << FL_SLOT_EARLIER_SHIFT, "a slot has room for a position");

/// A backend's place in one vip's pool. Its number (index in members[]) is stable over generations
/// and is reused only after all flows that could name it have timed out.
struct FL_LINE_ALIGNED fl_member {
  uint8_t address[16];
  uint8_t family;
  uint8_t state;           /* enum fl_member_state */
  uint8_t mac[6];          /* l2 only; zero: resolve */
  uint32_t backend;        /* stable backend number < FL_MAX_BACKENDS: index of counters, scores */
  uint32_t vip;            /* vip number the member belongs to */
  uint32_t weight;         /* as in the table; 0 gets no slots */
  uint32_t inverse_weight; /* see fl_score; used where the score record says 0 */
  uint8_t protocol;        /* the vip's: 6 TCP, 17 UDP; chooses the flow's idle time-out */
  uint8_t reserved0[3];
  uint32_t reserved[5];
};
FL_ONE_LINE(fl_member);

/* ---- scores: control -> workers, every 20 ms ------------------------------------------------ */

/// What score(b) is made of besides the worker's own count, see score.h; the smallest wins, the
/// earlier candidate on a tie.
struct fl_score {
  uint32_t inverse_weight; /* 2^32 / (weight * 4096) or so: only ratios matter; 0: use the member's;
                              UINT32_MAX: looks full (ejected) */
  uint32_t external;       /* in flight at this backend through other workers and nodes */
};

struct FL_LINE_ALIGNED fl_scores {
  struct fl_region_header header;
  uint64_t updated_ns; /* older than FL_SCORES_STALE_NS: ignore `external`; 0: no control ever */
  uint64_t reserved[7];
  struct fl_score score[FL_MAX_WORKERS][FL_MAX_BACKENDS];
  /// When control last began a probe of the backend that was answered; always now for backends that
  /// nobody probes. An ejected backend gets a trial only if this is later than its ejection.
  uint64_t answered_ns[FL_MAX_BACKENDS];
};
#define FL_SCORES_STALE_NS 1000000000ull

/* ---- workers: workers -> control ------------------------------------------------------------ */

#define FL_MAX_DROP_REASONS 64u

/// Counters of one vip on one worker.
struct FL_LINE_ALIGNED fl_vip_counters {
  uint64_t packets;
  uint64_t bytes; /* of inner packets, layer 2 excluded */
  uint64_t hits;
  uint64_t misses;
  uint64_t inserts;
  uint64_t inserts_refused; /* no room */
  uint64_t dropped;
  uint64_t events[FL_EVENT_COUNT]; /* by enum fl_flow_event */
  uint64_t reserved[6];
};
FL_STATIC_ASSERT(sizeof(struct fl_vip_counters) == 256, "four lines");

/// Counters of one backend on one worker, over all vips; the worker's own passive health view.
struct FL_LINE_ALIGNED fl_backend_counters {
  uint64_t packets;
  uint64_t bytes;
  uint64_t flows_begun;      /* handshakes begun (TCP), flows begun (UDP) */
  uint64_t flows_completed;  /* handshakes completed: first ACK after the SYN was seen */
  uint32_t in_flight;        /* flows open now (new and confirmed) */
  uint32_t pending;          /* handshakes begun since the last completion */
  uint64_t pending_since_ns; /* begin of the first of them */
  uint64_t ejected_until_ns; /* passive ejection; 0: none */
  uint64_t ejections;
};
FL_ONE_LINE(fl_backend_counters);

struct FL_LINE_ALIGNED fl_worker_page {
  /* line 0: publication */
  uint64_t ack; /* 0: offline; v: "may read generation v or newer" */
  uint64_t reserved0[7];
  /* line 1: life signs */
  uint64_t heartbeat_ns;
  uint64_t started_ns;
  uint32_t pid;
  uint32_t core;
  uint64_t tsc_hz;
  uint64_t reserved1[4];
  /* counters: rx_packets == tx_packets + punted + answered + sum(drops) after every burst */
  uint64_t rx_packets;
  uint64_t rx_bytes;
  uint64_t tx_packets;
  uint64_t tx_bytes;
  uint64_t punted;
  uint64_t bursts;
  uint64_t busy_cycles;
  uint64_t idle_cycles;
  uint64_t flow_hits;
  uint64_t flow_misses;
  uint64_t flow_inserts;
  uint64_t flow_inserts_refused;
  uint64_t flush_sequence; /* fl_flow_order: the last one that is done */
  uint64_t flush_buckets;  /* buckets that the one at work has passed */
  uint64_t flows;          /* entries in use now */
  uint64_t flood_bursts;   /* bursts handled in flood mode */
  uint64_t decisions_logged;
  uint64_t decisions_skipped;
  uint64_t generations_seen;
  uint64_t icmp_errors;         /* placed: to the backend of a known flow */
  uint64_t icmp_errors_unknown; /* placed: to the first candidate of an unknown flow */
  uint64_t fragments_first;     /* placed */
  uint64_t fragments_later;     /* placed */
  uint64_t fragments_waited;    /* later fragments that came before their first one, and waited */
  uint64_t quic_named;          /* packets whose connection id named their backend */
  uint64_t quic_moved;          /* of these: not where the flow was, or the flow was unknown */
  uint64_t answered;            /* packets that became an answer of ours (ICMP), sent back */
  uint64_t hop_lists;           /* forwarded with other backends to ask (GUE) */
  uint64_t mss_clamped;         /* SYNs whose MSS option was lowered */
  uint64_t reserved2[3];
  uint64_t flow_events[FL_EVENT_COUNT];  /* by enum fl_flow_event */
  uint64_t drops[FL_MAX_DROP_REASONS];   /* by enum fl_reason */
  uint64_t punts[FL_MAX_DROP_REASONS];   /* why a packet went to the kernel */
  uint64_t answers[FL_MAX_DROP_REASONS]; /* what a packet was answered for */
  uint64_t latency[FL_LATENCY_BUCKETS];  /* forwarding latency, rx to tx, sampled bursts; see
                                            fl_latency_bucket() */
  struct fl_vip_counters vips[FL_MAX_VIPS];
  struct fl_backend_counters backends[FL_MAX_BACKENDS];
};
FL_STATIC_ASSERT(sizeof(struct fl_worker_page) % 64 == 0, "pages keep line alignment");

/// How packets of vips come to the workers' queues of a port.
enum fl_port_steering {
  FL_STEERING_ONE_QUEUE = 0, /* the port has one queue */
  FL_STEERING_DEVICE = 1,    /* several queues; the device or kernel spreads as it likes */
  FL_STEERING_RSS = 2,       /* receive side scaling with our key and indirection table */
  FL_STEERING_RULES = 3,     /* a rule for each vip, RSS for the rest */
};

/// One port, by its number. Written by the data plane's main thread once a second.
struct FL_LINE_ALIGNED fl_port_page {
  uint64_t rx_packets;
  uint64_t rx_bytes;
  uint64_t tx_packets;
  uint64_t tx_bytes;
  uint64_t missed; /* arrived, but the receive queue was full */
  uint64_t errors; /* receive and transmit */
  uint64_t no_buffer;
  uint64_t updated_ns; /* 0: no such port */
  /* line 1 */
  uint64_t stalls;       /* times that packets were missed while none was received */
  uint64_t link_changes; /* up to down and back */
  uint32_t link_up;      /* 1: up */
  uint32_t queues;
  uint32_t steering; /* enum fl_port_steering */
  uint32_t rules;    /* vips that have a rule in the device */
  uint64_t reserved[4];
};
FL_STATIC_ASSERT(sizeof(struct fl_port_page) == 128, "two lines");
#define FL_MAX_PORTS 16u

struct FL_LINE_ALIGNED fl_workers {
  struct fl_region_header header;
  uint32_t worker_count;    /* pages in use: worker[0 .. worker_count), stopped workers' too */
  uint32_t workers_running; /* the first so many forward now */
  uint32_t reserved[14];
  struct fl_worker_page worker[FL_MAX_WORKERS]; /* untouched pages cost nothing */
  struct fl_port_page port[FL_MAX_PORTS];
};

#endif
