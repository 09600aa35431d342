// SPDX-License-Identifier: BSD-3-Clause
// publish_table CONFIG: publishes a table from the configured weights and, with AF_XDP, attaches
// the gate, as fairlead-control would, for tests of the data plane alone. Prints the generation.
#include <cinttypes>
#include <cstdio>

#include "control/config/config.hh"
#include "control/steering/steering.hh"
#include "dataplane/shm/publication.hh"
#include "dataplane/sys/system_clock.hh"
#include "ebpf/loader.hh"

namespace {

using namespace fairlead;

base::Result<void> attach_gate(const config::Config& config) {
  if (config.interface.empty()) return {};
  FL_ASSIGN(auto gate, ebpf::Gate::attach(config.interface, config.runtime_dir + "/bpf"));
  std::vector<ebpf::ServedVip> served;
  for (const model::Vip& vip : config.vips) served.push_back({vip.prefix, vip.protocol, vip.port});
  return gate.set_vips(served);
}

base::Result<std::uint64_t> publish(const char* file) {
  FL_ASSIGN(const config::Config config, config::load_config(file));
  FL_TRY(attach_gate(config));
  const base::Nanoseconds now = sys::monotonic_ns();
  FL_ASSIGN(
      shm::Region steering_region,
      shm::Region::create_or_attach(
          config.runtime_dir + "/steering", shm::steering_spec(config.memory.steering_bank), now
      )
  );
  FL_ASSIGN(
      shm::Region workers,
      shm::Region::create_or_attach(config.runtime_dir + "/workers", shm::workers_spec(), now)
  );
  shm::GenerationWriter writer(steering_region, workers);
  steering::Steering steering;
  if (!writer.current_bank().empty()) {
    FL_ASSIGN(
        const auto table,
        steer::TableView::attach(writer.current_bank().data(), writer.current_bank().size())
    );
    FL_ASSIGN(steering, steering::Steering::restore(table, now));
  }
  std::vector<steering::PoolIntent> pools;
  for (const model::Vip& vip : config.vips) {
    steering::PoolIntent pool{vip, {}};
    for (const model::Backend& b : vip.backends) {
      pool.backends.push_back({b.weight, 0, FL_MEMBER_ACTIVE});
    }
    pools.push_back(std::move(pool));
  }
  steering::NodeIntent node;
  node.hash_key = config.fleet.hash_key;
  node.address4 = config.node.address;
  node.address6 = config.node.address6;
  node.outgoing = config.outgoing;
  FL_ASSIGN(const steering::Plan plan, steering.plan(pools, node, now));
  FL_ASSIGN(const auto bank, writer.next_bank(now));
  FL_TRY(steering::encode(plan, bank.generation, now, bank.bytes));
  return writer.publish(now);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto generation = publish(argv[1]);
  if (!generation) {
    std::fprintf(stderr, "publish_table: %s\n", generation.error().what.c_str());
    return 1;
  }
  std::printf("%" PRIu64 "\n", *generation);
  return 0;
}
