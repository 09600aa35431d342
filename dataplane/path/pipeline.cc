// SPDX-License-Identifier: BSD-3-Clause
// The stages in order, and the books of a burst.
#include "dataplane/path/pipeline.hh"

#include <algorithm>
#include <cstring>

#include "dataplane/path/aside.hh"
#include "dataplane/path/flow_state.hh"

namespace fairlead::path {
namespace {

/// Every packet that is not forwarded is counted once, under its reason.
void count_verdicts(fl_worker_page& page, const Burst& burst) {
  // Nearly always all 32 are forwarded (those beyond count are set so).
  static_assert(static_cast<int>(steer::Verdict::kForward) == 0 && sizeof burst.verdict == 32);
  std::uint64_t words[4];
  std::memcpy(words, burst.verdict.data(), sizeof words);
  if ((words[0] | words[1] | words[2] | words[3]) == 0) [[likely]]
    return;
  for (unsigned i = 0; i < burst.count; ++i) {
    if (burst.verdict[i] == steer::Verdict::kForward) [[likely]]
      continue;
    if (burst.verdict[i] == steer::Verdict::kPunt) {
      ++page.punted;
      ++page.punts[burst.reason[i]];
      continue;
    }
    if (burst.verdict[i] == steer::Verdict::kAnswer) {
      ++page.answered;
      ++page.answers[burst.reason[i]];
      continue;
    }
    if (burst.verdict[i] == steer::Verdict::kWait) {
      // It counts as received when it is run again: so the books are always even.
      --page.rx_packets;
      page.rx_bytes -= burst.packet_bytes[i];
      continue;
    }
    ++page.drops[burst.reason[i]];
    if (burst.vip[i] != nullptr) ++page.vips[burst.vip[i]->vip].dropped;
  }
}

static_assert(net::kDscpInner == FL_OUTER_DSCP_INNER);

net::OuterPolicy outer_policy(const fl_bank& bank) {
  net::OuterPolicy policy;
  policy.entropy4 = bank.outer_entropy4;
  policy.entropy6 = bank.outer_entropy6;
  policy.ttl = bank.outer_ttl;
  policy.dscp = bank.outer_dscp;
  policy.df_clear = (bank.outer_flags & FL_OUTER_DF_CLEAR) != 0;
  policy.df_inner = (bank.outer_flags & FL_OUTER_DF_INNER) != 0;
  policy.udp_checksum = (bank.outer_flags & FL_OUTER_UDP_CHECKSUM) != 0;
  return policy;
}

/// Rebuilds what is known of open flows from the entries themselves.
void recount(WorkerContext& context) {
  for (fl_backend_counters& backend : context.page->backends) backend.in_flight = 0;
  context.flows.for_each([&](std::uint32_t member, flow::FlowState state, flow::Tick) {
    if (flow::is_open(state) && member < context.table.member_count())
      ++context.page->backends[context.table.member(member).backend].in_flight;
  });
  context.page->flows = context.flows.size();
  context.counted = true;
}

void finish(WorkerContext& context, Burst& burst, Parsing parsing) {
  flow_lookup_plain(context, burst);
  flow_lookup(context, burst);
  if (context.relatives.former != 0) [[unlikely]]
    inherit(context, burst);
  if (parsing == Parsing::kCareful) burst.unknown = burst.beginning = 0;
  select(context, burst);
  if (burst.aside_count != 0) [[unlikely]]
    aside(context, burst);
  clamp_mss(context, burst);
  encap_plain(context, burst);
  encap(context, burst);
  amend(context, burst);
  answer(context, burst);
  count_verdicts(*context.page, burst);
}

}  // namespace

void begin_burst(WorkerContext& context, Burst& burst, Parsing parsing) {
  parse(context, burst, parsing);
  classify_plain(context, burst);
  classify(context, burst);
  // Here, because the flows' buckets have been asked for and are on their way.
  if (context.flows.sweep_is_due(context.now)) [[unlikely]]
    maintain(context);
}

void finish_burst(WorkerContext& context, Burst& burst) {
  finish(context, burst, Parsing::kPlainFirst);
}

void run_carefully(WorkerContext& context, Burst& burst) {
  begin_burst(context, burst, Parsing::kCareful);
  finish(context, burst, Parsing::kCareful);
}

void maintain(WorkerContext& context) {
  if (!context.table.valid()) return;
  bool any = false;
  context.flows.expire(
      context.now,
      context.limits,
      protocol_of(context.table),
      [&](const flow::EndedFlow& ended) {
        note_ended(context, ended, expiry_of(ended.state));
        any = true;
      }
  );
  if (any) context.page->flows = context.flows.size();
}

void use_table(WorkerContext& context, const steer::TableView& table) {
  context.table = table;
  if (!table.valid()) return;
  context.limits = flow::idle_limits(table.bank());
  context.clamps_mss = std::any_of(table.vips().begin(), table.vips().end(), [](const fl_vip& vip) {
    return vip.mss != 0;
  });
  context.outer = outer_policy(table.bank());
  ++context.page->generations_seen;
  if (!context.counted) recount(context);
}

}  // namespace fairlead::path
