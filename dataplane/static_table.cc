// SPDX-License-Identifier: BSD-3-Clause
// Configuration -> intents -> plan -> bank, all in this process.
#include "dataplane/static_table.hh"

#include "control/steering/steering.hh"

namespace fairlead::dataplane {
namespace {

std::uint32_t to_ms(base::Nanoseconds ns) {
  return static_cast<std::uint32_t>(ns / base::kMillisecond);
}

}  // namespace

base::Result<StaticTable> StaticTable::build(
    const config::Config& config, std::optional<std::uint32_t> new_flow_limit
) {
  std::vector<steering::PoolIntent> pools;
  for (const model::Vip& vip : config.vips) {
    steering::PoolIntent pool{vip, {}};
    for (const model::Backend& backend : vip.backends) {
      pool.backends.push_back({backend.weight, 0, FL_MEMBER_ACTIVE});
    }
    pools.push_back(std::move(pool));
  }
  steering::NodeIntent node;
  node.hash_key = config.fleet.hash_key;
  node.address4 = config.node.address;
  node.address6 = config.node.address6;
  node.outgoing = config.outgoing;
  node.new_flow_limit = new_flow_limit.value_or(config.flows.new_flow_limit);
  node.idle_new_ms = to_ms(config.flows.idle_new);
  node.idle_confirmed_ms = to_ms(config.flows.idle_confirmed);
  node.idle_closing_ms = to_ms(config.flows.idle_closing);
  node.idle_reset_ms = to_ms(config.flows.idle_reset);
  node.idle_adopted_ms = to_ms(config.flows.idle_adopted);
  node.idle_udp_ms = to_ms(config.flows.idle_udp);
  node.idle_udp_new_ms = to_ms(config.flows.idle_udp_new);
  FL_ASSIGN(const steering::Plan plan, steering::Steering().plan(pools, node, 0));

  StaticTable table;
  const std::uint64_t bytes = config.memory.steering_bank;
  FL_ASSIGN(table.memory_, shm::Region::anonymous(shm::steering_spec(bytes), 0));
  std::byte* bank = table.memory_.data() + FL_BANKS_OFFSET;
  FL_TRY(steering::encode(plan, 1, 0, {bank, bytes}));
  FL_ASSIGN(table.view_, steer::TableView::attach(bank, bytes));
  return table;
}

}  // namespace fairlead::dataplane
