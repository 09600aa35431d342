// SPDX-License-Identifier: BSD-3-Clause
// Builds, validates, creates and removes rte_flow rules.
#include "dataplane/flow_rules.hh"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <rte_errno.h>

#include "dataplane/captured_stderr.hh"

namespace fairlead::dataplane {
namespace {

/// The items of one rule. They point into the object, so it does not move.
class Pattern {
 public:
  explicit Pattern(const VipMatch& match) {
    items_[0].type = RTE_FLOW_ITEM_TYPE_ETH;
    address(match);
    transport(match);
    items_[3].type = RTE_FLOW_ITEM_TYPE_END;
  }
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;
  [[nodiscard]] const rte_flow_item* items() const { return items_.data(); }

 private:
  void address(const VipMatch& match) {
    if (match.family == 4) {
      std::memcpy(&ip4_.hdr.dst_addr, match.address.data(), 4);
      mask_bits(reinterpret_cast<std::uint8_t*>(&ip4_mask_.hdr.dst_addr), match.prefix_len);
      items_[1] = {RTE_FLOW_ITEM_TYPE_IPV4, &ip4_, nullptr, &ip4_mask_};
    } else {
      std::memcpy(ip6_.hdr.dst_addr, match.address.data(), 16);
      mask_bits(ip6_mask_.hdr.dst_addr, match.prefix_len);
      items_[1] = {RTE_FLOW_ITEM_TYPE_IPV6, &ip6_, nullptr, &ip6_mask_};
    }
  }
  void transport(const VipMatch& match) {
    const std::uint16_t all = match.port == 0 ? 0 : 0xffff;
    if (match.protocol == IPPROTO_TCP) {
      tcp_.hdr.dst_port = match.port;
      tcp_mask_.hdr.dst_port = all;
      items_[2] = {RTE_FLOW_ITEM_TYPE_TCP, &tcp_, nullptr, &tcp_mask_};
    } else {
      udp_.hdr.dst_port = match.port;
      udp_mask_.hdr.dst_port = all;
      items_[2] = {RTE_FLOW_ITEM_TYPE_UDP, &udp_, nullptr, &udp_mask_};
    }
  }
  static void mask_bits(std::uint8_t* bytes, unsigned length) {
    for (unsigned bit = 0; bit < length; ++bit) {
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 0x80U >> bit % 8);
    }
  }

  std::array<rte_flow_item, 4> items_{};
  rte_flow_item_ipv4 ip4_{};
  rte_flow_item_ipv4 ip4_mask_{};
  rte_flow_item_ipv6 ip6_{};
  rte_flow_item_ipv6 ip6_mask_{};
  rte_flow_item_tcp tcp_{};
  rte_flow_item_tcp tcp_mask_{};
  rte_flow_item_udp udp_{};
  rte_flow_item_udp udp_mask_{};
};

constexpr rte_flow_attr kIngress = [] {
  rte_flow_attr attr{};
  attr.ingress = 1;
  return attr;
}();

}  // namespace

VipMatch match_of(const fl_vip& vip) {
  VipMatch match;
  match.family = vip.family;
  match.prefix_len = vip.prefix_len;
  match.protocol = vip.protocol;
  std::memcpy(&match.port, vip.port, sizeof match.port);
  std::memcpy(match.address.data(), vip.address, match.address.size());
  match.vip = vip.vip;
  return match;
}

rte_flow* FlowRules::make(const VipMatch& match, Actions wanted) {
  const Pattern pattern(match);
  const rte_flow_action_mark mark{match.vip};
  const rte_flow_action_count count{};
  const rte_flow_action_queue queue{queues_.front()};
  rte_flow_action_rss rss{};
  rss.func = RTE_ETH_HASH_FUNCTION_DEFAULT;
  rss.types = rss_.hash_types;
  rss.key_len = static_cast<std::uint32_t>(rss_.key.size());
  rss.key = rss_.key.empty() ? nullptr : rss_.key.data();
  rss.queue_num = static_cast<std::uint32_t>(queues_.size());
  rss.queue = queues_.data();
  std::array<rte_flow_action, 4> actions{};
  std::size_t used = 0;
  if (wanted.mark) actions[used++] = {RTE_FLOW_ACTION_TYPE_MARK, &mark};
  if (wanted.count) actions[used++] = {RTE_FLOW_ACTION_TYPE_COUNT, &count};
  if (queues_.size() == 1) {
    actions[used++] = {RTE_FLOW_ACTION_TYPE_QUEUE, &queue};
  } else {
    actions[used++] = {RTE_FLOW_ACTION_TYPE_RSS, &rss};
  }
  actions[used] = {RTE_FLOW_ACTION_TYPE_END, nullptr};
  rte_flow_error error{};
  const int valid = rte_flow_validate(ethdev_, &kIngress, pattern.items(), actions.data(), &error);
  if (valid != 0) {
    errno_ = -valid;
    return nullptr;
  }
  touched_ = true;
  // That a rule is valid does not mean that it can be made (platform limits, full tables).
  rte_flow* rule = rte_flow_create(ethdev_, &kIngress, pattern.items(), actions.data(), &error);
  if (rule == nullptr) errno_ = rte_errno;
  return rule;
}

// What the first rule can have all others get.
bool FlowRules::make_first(const VipMatch& match, Made& made) {
  for (const Actions actions :
       {Actions{true, true}, Actions{true, false}, Actions{false, true}, Actions{}}) {
    actions_ = actions;
    made = {match, make(match, actions)};
    if (made.rule != nullptr) return true;
  }
  return false;
}

void FlowRules::destroy(rte_flow* rule) {
  touched_ = true;
  rte_flow_error error{};
  if (rte_flow_destroy(ethdev_, rule, &error) != 0) ++stuck_;
}

void FlowRules::give_up(const char* what) {
  const int error = errno_;
  destroy_all();
  why_ = std::string(what) + ": " + std::strerror(error);
}

// Programming rules has been seen to reset a device's RSS, so that one core got everything: also by
// a rule that was then refused, or one that is gone again.
bool FlowRules::keep_spread(const std::vector<unsigned>& table) {
  touched_ = false;
  if (!rss_.enabled() || rss_in_force(ethdev_, rss_, table)) return false;
  int result = set_rss(ethdev_, rss_, table);
  if (result != 0 && !made_.empty()) {
    errno_ = -result;
    give_up("rules removed, they break RSS");
    result = set_rss(ethdev_, rss_, table);
  }
  touched_ = result != 0;  // then the next change tries again
  if (result != 0) {
    why_ += std::string(why_.empty() ? "" : "; ") +
            "RSS is lost and cannot be set again: " + std::strerror(-result);
  }
  return true;
}

bool FlowRules::follow(
    const std::vector<VipMatch>& vips,
    const std::vector<std::uint16_t>& queues,
    const std::vector<unsigned>& table
) {
  if (vips == asked_ && queues == queues_) return false;
  const CapturedStderr captured;  // drivers print what they do not support
  const bool other_queues = queues != queues_;
  asked_ = vips;
  queues_ = queues;
  why_.clear();
  const bool changed = bring_to(vips, other_queues);
  const bool mended = touched_ && keep_spread(table);
  return changed || mended;
}

// True if rules changed in the device.
bool FlowRules::bring_to(const std::vector<VipMatch>& vips, bool other_queues) {
  const std::size_t had = made_.size();
  if (other_queues) destroy_all();
  std::erase_if(made_, [&](const Made& made) {
    if (std::find(vips.begin(), vips.end(), made.match) != vips.end()) return false;
    destroy(made.rule);
    return true;
  });
  bool changed = made_.size() != had;
  if (queues_.size() > 1 && !rss_.enabled()) {
    destroy_all();
    why_ = "the device does not hash, and a rule to one queue would load one core";
    return had != 0;
  }
  for (const VipMatch& vip : vips) {
    const auto known = [&](const Made& made) { return made.match == vip; };
    if (std::any_of(made_.begin(), made_.end(), known)) continue;
    Made made{vip, nullptr};
    if (made_.empty() ? !make_first(vip, made) : (made.rule = make(vip, actions_)) == nullptr) {
      changed = changed || !made_.empty();
      give_up("rte_flow");
      return changed;
    }
    made_.push_back(made);
    changed = true;
  }
  return changed;
}

void FlowRules::destroy_all() {
  for (const Made& made : made_) destroy(made.rule);
  made_.clear();
}

void FlowRules::clear() {
  destroy_all();
  asked_.clear();
  queues_.clear();
}

std::uint64_t FlowRules::packets() const {
  if (!actions_.count) return 0;
  std::uint64_t sum = 0;
  for (const Made& made : made_) {
    rte_flow_query_count counted{};
    rte_flow_error error{};
    const std::array<rte_flow_action, 2> what = {
        rte_flow_action{RTE_FLOW_ACTION_TYPE_COUNT, nullptr},
        rte_flow_action{RTE_FLOW_ACTION_TYPE_END, nullptr}};
    if (rte_flow_query(ethdev_, made.rule, what.data(), &counted, &error) != 0) continue;
    if (counted.hits_set != 0) sum += counted.hits;
  }
  return sum;
}

}  // namespace fairlead::dataplane
