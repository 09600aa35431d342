// SPDX-License-Identifier: BSD-3-Clause
// Routing as nodes of production do it: tables planned by control/steering, encoded into the bank
// that workers read, and dataplane/path's choice among candidates with its score and ejection.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/exchange/worth.hh"
#include "control/sim/routing.hh"
#include "control/steering/steering.hh"
#include "dataplane/path/backend_health.hh"
#include "dataplane/path/candidates.hh"

namespace fairlead::sim {

namespace {

// Zero means "never" in the shared records, so their clock starts later than the run's.
constexpr base::Nanoseconds kClockStart = base::kSecond;

base::Nanoseconds clock_of(Time now) {
  return kClockStart + static_cast<base::Nanoseconds>(now);
}

constexpr std::size_t kKeptGenerations = 16;
constexpr std::size_t kMostBankBytes = std::size_t{16} << 20;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
template <typename T>
using Zeroed = std::unique_ptr<T, Free>;

/// Zeroed by the kernel, so untouched parts cost no memory.
template <typename T>
Zeroed<T> make_zeroed() {
  void* memory = std::calloc(1, sizeof(T) + alignof(T));
  if (memory == nullptr) throw std::bad_alloc();
  return Zeroed<T>(static_cast<T*>(memory));
}

struct alignas(FL_LINE_BYTES) Line {
  std::byte bytes[FL_LINE_BYTES];
};

struct Generation {
  std::uint32_t number = 0;
  std::shared_ptr<const std::vector<Line>> bank;
  steer::TableView view;
  std::vector<std::uint32_t> inverse_weight;  // by backend
};

/// All nodes count at the same moments here, so counts are half an interval old, and on the way.
bool counts_are_worth_using(const Setup& setup) {
  const Time mean_age = setup.exchange.interval / 2 + setup.exchange.delay;
  return exchange::worth_using(static_cast<base::Nanoseconds>(mean_age), setup.nodes);
}

bool knows_counts(const Setup& setup) {
  return setup.policy.exchanges && counts_are_worth_using(setup);
}

class TableRouting final : public Routing {
 public:
  TableRouting(const Setup& setup, const OpenCounts& counts);

  std::uint32_t prepare(const Shipment& shipment, Time now) override;
  void adopt(std::uint32_t node, std::uint32_t generation) override;
  std::uint32_t route(std::uint32_t node, std::uint64_t hash, Time now) override;
  void prefetch_slots(std::uint32_t node, std::uint64_t hash) override;
  void prefetch_backends(std::uint32_t node, std::uint64_t hash) override;
  void opened(std::uint32_t node, std::uint32_t backend, Time now) override;
  void answered(std::uint32_t node, std::uint32_t backend, Time now) override;
  void closed(std::uint32_t node, std::uint32_t backend, Time, double, bool) override;
  bool finds(std::uint32_t node, std::uint64_t hash, std::uint32_t backend) override;
  void health_probed(const std::vector<std::uint8_t>& up, Time now) override;
  void send_counts(Time now) override;
  void receive_counts(Time now) override;
  [[nodiscard]] double slots_moved() const override { return moved_; }

 private:
  [[nodiscard]] std::vector<steering::PoolIntent> intents(const Shipment& shipment) const;
  fl_score* scores_of(std::uint32_t node) {
    return scores_[node / FL_MAX_WORKERS]->score[node % FL_MAX_WORKERS];
  }
  fl_backend_counters& counters(std::uint32_t node, std::uint32_t backend) {
    return pages_[node]->backends[number_of_[backend]];
  }

  const Setup* setup_;
  const OpenCounts* counts_;
  model::Vip vip_;
  steering::Steering steering_;
  std::vector<Line> scratch_ = std::vector<Line>(kMostBankBytes / sizeof(Line));  // for encode()
  std::vector<std::shared_ptr<const Generation>> generations_;  // the last few, by number mod size
  std::uint32_t last_ = 0;                                      // number of the newest
  std::vector<std::shared_ptr<const Generation>> in_force_;     // by node
  std::vector<std::uint32_t> number_of_;    // backend number in tables and counters, by position
  std::vector<std::uint32_t> position_of_;  // and back
  std::vector<Zeroed<fl_worker_page>> pages_;
  std::vector<Zeroed<fl_scores>> scores_;
  std::vector<path::WorkerContext> contexts_;
  std::vector<std::uint32_t> external_;  // sent, not yet received: by node, then backend
  double moved_ = 0;
};

net::IpAddr address_of(std::uint32_t position) {
  const std::string text = "10." + std::to_string(128 + (position >> 16)) + "." +
                           std::to_string((position >> 8) & 255) + "." +
                           std::to_string(position & 255);
  return *net::IpAddr::parse(text);
}

TableRouting::TableRouting(const Setup& setup, const OpenCounts& counts)
    : setup_(&setup), counts_(&counts), generations_(kKeptGenerations) {
  vip_.name = "vip";
  vip_.prefix = {*net::IpAddr::parse("203.0.113.10"), 32};
  vip_.port = 80;
  vip_.encapsulation = model::Encapsulation::kGue;  // hop lists: what finds() asks
  vip_.choices = static_cast<std::uint8_t>(setup.policy.choices);
  for (std::uint32_t b = 0; b < setup.backends.size(); ++b) {
    model::Backend backend;
    backend.id = setup.backends[b].id;
    backend.address = address_of(b);
    backend.weight = setup.backends[b].weight;
    vip_.backends.push_back(std::move(backend));
  }
  in_force_.resize(setup.nodes);
  contexts_.resize(setup.nodes);
  external_.resize(std::size_t{setup.nodes} * setup.backends.size());
  for (std::uint32_t node = 0; node < setup.nodes; ++node) {
    if (node % FL_MAX_WORKERS == 0) scores_.push_back(make_zeroed<fl_scores>());
    pages_.push_back(make_zeroed<fl_worker_page>());
    contexts_[node].page = pages_[node].get();
    contexts_[node].scores = scores_.back().get();
    contexts_[node].worker = node % FL_MAX_WORKERS;
  }
}

std::vector<steering::PoolIntent> TableRouting::intents(const Shipment& shipment) const {
  steering::PoolIntent pool{vip_, {}};
  pool.only_node = setup_->nodes == 1;
  for (std::size_t b = 0; b < shipment.weights.size(); ++b) {
    steering::BackendIntent intent;
    intent.weight = shipment.weights[b].weight;
    // c is about counts that others sent; own ones alone are better judged by n / weight.
    const bool knows = knows_counts(*setup_) && exchange::parallel_is_used(setup_->nodes);
    intent.parallel = knows ? shipment.weights[b].parallel : 0;
    intent.state = shipment.usable[b] != 0 ? FL_MEMBER_ACTIVE : FL_MEMBER_DOWN;
    pool.backends.push_back(intent);
  }
  return {pool};
}

std::uint32_t TableRouting::prepare(const Shipment& shipment, Time now) {
  const auto plan = steering_.plan(intents(shipment), {}, clock_of(now));
  if (!plan) throw std::runtime_error("simulator: " + plan.error().what);
  auto generation = std::make_shared<Generation>();
  generation->number = ++last_;
  const bool level = !knows_counts(*setup_) && exchange::weights_are_for_tables(setup_->nodes);
  for (const auto& weight : shipment.weights)
    generation->inverse_weight.push_back(
        level ? policy::inverse_beyond_table(weight) : weight.inverse_weight
    );
  const auto& planned = plan->pools[0];
  moved_ =
      planned.table_size == 0 ? 0 : static_cast<double>(planned.slots_moved) / planned.table_size;
  const Generation* previous = generations_[(last_ - 1) % kKeptGenerations].get();
  if (previous != nullptr && !plan->changed) {
    generation->bank = previous->bank;
    generation->view = previous->view;
    moved_ = 0;
  } else {
    const auto used =
        steering::encode(*plan, last_, clock_of(now), std::as_writable_bytes(std::span(scratch_)));
    if (!used) throw std::runtime_error("simulator: " + used.error().what);
    const std::size_t lines = (*used + sizeof(Line) - 1) / sizeof(Line);
    const auto bank = std::make_shared<const std::vector<Line>>(
        scratch_.begin(), scratch_.begin() + static_cast<std::ptrdiff_t>(lines)
    );
    const auto view = steer::TableView::attach(bank->data(), bank->size() * sizeof(Line));
    if (!view) throw std::runtime_error("simulator: " + view.error().what);
    generation->bank = bank;
    generation->view = *view;
    number_of_.assign(setup_->backends.size(), 0);
    position_of_.assign(FL_MAX_BACKENDS, kNoBackend);
    const std::vector<steering::PlannedBackend> backends = plan->backends(0);
    for (std::uint32_t b = 0; b < backends.size(); ++b) {
      number_of_[b] = backends[b].backend;
      position_of_[backends[b].backend] = b;
    }
    steering_.commit(*plan);
  }
  generations_[last_ % kKeptGenerations] = std::move(generation);
  return last_;
}

void TableRouting::adopt(std::uint32_t node, std::uint32_t number) {
  const auto& generation = generations_[number % kKeptGenerations];
  if (generation == nullptr || generation->number != number) return;
  if (in_force_[node] != nullptr && in_force_[node]->number >= number) return;
  in_force_[node] = generation;
  contexts_[node].table = generation->view;
  fl_score* scores = scores_of(node);
  for (std::size_t b = 0; b < generation->inverse_weight.size(); ++b)
    scores[number_of_[b]].inverse_weight = generation->inverse_weight[b];
}

std::uint32_t TableRouting::route(std::uint32_t node, std::uint64_t hash, Time now) {
  path::WorkerContext& context = contexts_[node];
  context.now = clock_of(now);
  const auto vips = context.table.vips();
  if (vips.empty() || vips[0].table_size == 0) return kNoBackend;
  const path::NewFlow flow{&vips[0], hash, true, false};
  const std::uint32_t member =
      path::choose_backend(context, flow, path::external_counts_fresh(context));
  return member == FL_NO_MEMBER ? kNoBackend : position_of_[context.table.member(member).backend];
}

void TableRouting::prefetch_slots(std::uint32_t node, std::uint64_t hash) {
  if (node >= contexts_.size() || contexts_[node].table.vips().empty()) return;
  const fl_vip& vip = contexts_[node].table.vips()[0];
  for (std::uint32_t c = 0; c < vip.choices && vip.table_size > 0; ++c)
    __builtin_prefetch(
        contexts_[node].table.slot_address(vip, fl_candidate_slot(hash, c, vip.table_size))
    );
}

void TableRouting::prefetch_backends(std::uint32_t node, std::uint64_t hash) {
  if (node >= contexts_.size() || contexts_[node].table.vips().empty()) return;
  const steer::TableView& table = contexts_[node].table;
  const fl_vip& vip = table.vips()[0];
  for (std::uint32_t c = 0; c < vip.choices && vip.table_size > 0; ++c) {
    const std::uint32_t member = table.slot(vip, fl_candidate_slot(hash, c, vip.table_size));
    const std::uint32_t number = table.member(member).backend;
    __builtin_prefetch(&pages_[node]->backends[number], 1);
    __builtin_prefetch(&scores_of(node)[number]);
  }
}

void TableRouting::opened(std::uint32_t node, std::uint32_t backend, Time now) {
  fl_backend_counters& c = counters(node, backend);
  ++c.in_flight;
  if (setup_->policy.ejection) path::note_syn(c, clock_of(now));
}

void TableRouting::answered(std::uint32_t node, std::uint32_t backend, Time) {
  if (setup_->policy.ejection) path::note_handshake(counters(node, backend));
}

void TableRouting::closed(std::uint32_t node, std::uint32_t backend, Time, double, bool) {
  --counters(node, backend).in_flight;
}

bool TableRouting::finds(std::uint32_t node, std::uint64_t hash, std::uint32_t backend) {
  const steer::TableView& table = contexts_[node].table;
  if (table.vips().empty() || table.vips()[0].table_size == 0) return false;
  const fl_vip& vip = table.vips()[0];
  const std::uint32_t number = path::first_candidate(table, vip, hash);
  if (number == FL_NO_MEMBER) return false;
  const fl_member& first = table.member(number);
  const auto is_here = [&](const fl_member& m) { return position_of_[m.backend] == backend; };
  std::array<const fl_member*, FL_GUE_MAX_HOPS> others;
  const unsigned count = path::others_to_ask(table, vip, hash, first, others);
  return is_here(first) || std::any_of(others.begin(), others.begin() + count, [&](const auto* m) {
           return is_here(*m);
         });
}

void TableRouting::health_probed(const std::vector<std::uint8_t>& up, Time now) {
  for (std::size_t b = 0; b < number_of_.size(); ++b) {
    if (up[b] == 0) continue;
    for (const auto& scores : scores_) scores->answered_ns[number_of_[b]] = clock_of(now);
  }
}

void TableRouting::send_counts(Time) {
  const auto total = counts_->total();
  for (std::uint32_t node = 0; node < setup_->nodes; ++node) {
    const auto own = counts_->own(node);
    std::uint32_t* out = external_.data() + std::size_t{node} * total.size();
    for (std::size_t b = 0; b < total.size(); ++b) out[b] = total[b] - own[b];
  }
}

void TableRouting::receive_counts(Time now) {
  if (!counts_are_worth_using(*setup_)) return;
  const std::size_t backends = counts_->backends();
  for (std::uint32_t node = 0; node < setup_->nodes; ++node) {
    const std::uint32_t* in = external_.data() + std::size_t{node} * backends;
    fl_score* scores = scores_of(node);
    for (std::size_t b = 0; b < backends; ++b) scores[number_of_[b]].external = in[b];
  }
  for (const auto& scores : scores_) scores->updated_ns = clock_of(now);
}

}  // namespace

std::unique_ptr<Routing> make_table_routing(const Setup& setup, const OpenCounts& counts) {
  return std::make_unique<TableRouting>(setup, counts);
}

}  // namespace fairlead::sim
