// SPDX-License-Identifier: BSD-3-Clause
// How the nodes of the modelled fleet choose. Each kind wraps code that is not the simulator's: the
// production tables and choice (dataplane/path), or the policies of control/policy.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "control/policy/policy.hh"
#include "control/sim/backend_model.hh"
#include "control/sim/fleet.hh"
#include "control/sim/setup.hh"

namespace fairlead::sim {

inline constexpr std::uint32_t kNoBackend = 0xffffffff;

/// Weights and health as the leader ships them; arrays by backend.
struct Shipment {
  std::vector<policy::EffectiveWeight> weights;
  std::vector<std::uint8_t> usable;  // 1: gets new connections
};

/// One per run; all nodes. Times are of the run.
class Routing {
 public:
  virtual ~Routing() = default;

  /// Makes a generation of a shipment, for nodes to adopt. Returns its number.
  virtual std::uint32_t prepare(const Shipment& shipment, Time now) = 0;
  /// A node puts a generation in force. Older than its own: ignored.
  virtual void adopt(std::uint32_t node, std::uint32_t generation) = 0;

  /// The backend for a new connection, kNoBackend without any. `hash`: of the flow.
  virtual std::uint32_t route(std::uint32_t node, std::uint64_t hash, Time now) = 0;
  /// A connection with this hash will be routed soon: first its slots, later what they name.
  virtual void prefetch_slots(std::uint32_t /*node*/, std::uint64_t /*hash*/) {}
  virtual void prefetch_backends(std::uint32_t /*node*/, std::uint64_t /*hash*/) {}
  /// A connection was sent to a backend; answered() when it accepts; closed() when it is over.
  virtual void opened(std::uint32_t, std::uint32_t, Time) {}
  virtual void answered(std::uint32_t, std::uint32_t, Time) {}
  virtual void closed(std::uint32_t, std::uint32_t, Time, double /*latency_us*/, bool /*ok*/) {}
  /// A connection of another node arrives in mid-life: would it find its backend here?
  virtual bool finds(std::uint32_t node, std::uint64_t hash, std::uint32_t backend) = 0;

  /// One round of health probes; `up`: by backend, whether it answered.
  virtual void health_probed(const std::vector<std::uint8_t>& /*up*/, Time) {}
  /// In-flight counts are sent, and received by every living node; see Exchange.
  virtual void send_counts(Time) {}
  virtual void receive_counts(Time) {}
  /// Share of the table's slots that the last prepare() moved; 0 without a table.
  [[nodiscard]] virtual double slots_moved() const { return 0; }

  [[nodiscard]] virtual std::uint32_t probes() const { return 0; }
  virtual void probed(std::uint32_t, std::uint32_t, double, double, Time) {}
  [[nodiscard]] virtual bool wants_tokens() const { return false; }
  virtual void token(std::uint32_t, std::uint32_t) {}
  /// The true state of a backend changed (central bounds look at it).
  virtual void changed(std::uint32_t /*backend*/) {}
};

/// What central bounds may see: everything.
struct Truth {
  const std::vector<BackendModel>* backends = nullptr;
  const std::vector<std::uint8_t>* up = nullptr;
};

std::unique_ptr<Routing> make_table_routing(const Setup& setup, const OpenCounts& counts);
std::unique_ptr<Routing> make_picker_routing(const Setup& setup, const OpenCounts& counts);
std::unique_ptr<Routing> make_central_routing(const Setup& setup, Truth truth);

}  // namespace fairlead::sim
