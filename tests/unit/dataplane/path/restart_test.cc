// SPDX-License-Identifier: BSD-3-Clause
// A data plane that was killed finds its flows, its counts and its opinion of backends again.
#include <gtest/gtest.h>

#include "tests/testing/test_bank.hh"
#include "tests/testing/test_worker.hh"

namespace fairlead::path {
namespace {

using testing::Frame;
using testing::packet;

Frame tcp(std::uint16_t client, const char* flags) {
  return packet().ipv4("198.51.100.7", "203.0.113.20").tcp(client, 80, flags);
}

testing::TestTable toward(std::uint32_t slot) {
  testing::TestTable table;
  table.vips = {
      {.prefix = "203.0.113.20",
       .members = {{.address = "10.0.0.1", .backend = 0}, {.address = "10.0.0.2", .backend = 1}},
       .slots = {slot}}};
  return table;
}

/// What a new process does: fresh context over the same regions.
void restart(
    testing::TestWorker& worker, testing::FlowMemory& memory, const steer::TableView& table
) {
  const NextHops hops = worker.context().hops;
  const base::Nanoseconds now = worker.context().now;
  fl_worker_page* const page = worker.context().page;
  FragmentMemory* const fragments = worker.context().fragments;
  worker.context() = WorkerContext{};
  worker.context().page = page;
  worker.context().fragments = fragments;
  worker.context().hops = hops;
  worker.context().now = now;
  worker.context().flows = flow::FlowTable::attach(memory.region()).value();
  worker.use(table);
}

TEST(Restart, KeepsFlowsOnTheirBackends) {
  const testing::TestBank before(toward(0));
  const testing::TestBank after(toward(1));
  testing::FlowMemory memory(64);
  testing::TestWorker worker;
  restart(worker, memory, before.view());
  for (std::uint16_t client = 1; client <= 100; ++client) {
    worker.run_one(tcp(client, "S"));
    worker.run_one(tcp(client, "A"));
  }

  restart(worker, memory, after.view());

  for (std::uint16_t client = 1; client <= 100; ++client)
    EXPECT_EQ(0U, worker.run_one(tcp(client, "A")).member);
}

TEST(Restart, CountsInFlightFromTheEntries) {
  const testing::TestBank bank(toward(0));
  testing::FlowMemory memory(64);
  testing::TestWorker worker;
  restart(worker, memory, bank.view());
  for (std::uint16_t client = 1; client <= 50; ++client) worker.run_one(tcp(client, "S"));
  worker.run_one(tcp(1, "A"));
  worker.run_one(tcp(1, "FA"));
  worker.page().backends[0].in_flight = 4711;  // as if killed between two stores

  restart(worker, memory, bank.view());

  EXPECT_EQ(49U, worker.page().backends[0].in_flight);
  EXPECT_EQ(50U, worker.page().flows);
}

}  // namespace
}  // namespace fairlead::path
