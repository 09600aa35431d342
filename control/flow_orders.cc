// SPDX-License-Identifier: BSD-3-Clause
// Writing flow orders, and watching them.
#include "control/flow_orders.hh"

#include <algorithm>

#include "control/api/counters.hh"
#include "control/api/flow_answers.hh"
#include "control/api/flow_flush.hh"
#include "dataplane/shm/process_state.hh"
#include "dataplane/steer/flow_order.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::control {
namespace {

// A worker that has shown no sign of life for so long does not keep an order open: when it wakes
// it finds the newest one.
constexpr base::Nanoseconds kSilent = base::kSecond;

const fl_flow_order& order_of(const Node& node) {
  return *node.regions.steering.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET);
}

bool alive(const fl_worker_page& page, base::Nanoseconds now) {
  const std::uint64_t beat = __atomic_load_n(&page.heartbeat_ns, __ATOMIC_RELAXED);
  return beat != 0 && now < beat + kSilent;
}

bool done(const fl_worker_page& page, const fl_flow_order& order) {
  return __atomic_load_n(&page.flush_sequence, __ATOMIC_ACQUIRE) == steer::order_number(order);
}

/// Of a data plane that lives, but without a thread: the table is tended all the same, and who gets
/// its flows waits for that. Where all rest nobody beats, so the process is asked after.
bool rests(const fl_workers& workers, std::size_t number, base::Nanoseconds now) {
  const std::uint32_t running = __atomic_load_n(&workers.workers_running, __ATOMIC_RELAXED);
  const fl_worker_page& first = workers.worker[0];
  if (number < running || workers.worker[number].pid != first.pid) return false;
  return running != 0 ? alive(first, now) : shm::process_lives(first.pid, first.heartbeat_ns);
}

bool any_lives(const fl_workers& workers, base::Nanoseconds now) {
  const auto pages = api::pages(workers);
  return rests(workers, 0, now) || std::any_of(pages.begin(), pages.end(), [now](const auto& page) {
           return alive(page, now);
         });
}

bool at_work(const Node& node, base::Nanoseconds now) {
  const fl_flow_order& order = order_of(node);
  // Nobody takes up what a control that died left half written.
  if (order.sequence == 0 || (order.sequence & steer::kOrderBeingWritten) != 0) return false;
  const fl_workers& workers = node.regions.worker_pages();
  const auto pages = api::pages(workers);
  return std::any_of(pages.begin(), pages.end(), [&](const fl_worker_page& page) {
    const auto number = static_cast<std::size_t>(&page - workers.worker);
    return (alive(page, now) || rests(workers, number, now)) && !done(page, order);
  });
}

base::Result<Json> write(Node& node, const fl_flow_order& next, base::Nanoseconds now) {
  if (!any_lives(node.regions.worker_pages(), now))
    return base::fail(
        base::ErrorCode::kUnavailable,
        "no data plane runs on this node; what the last one left is flushed by flush flow ... "
        "file " +
            node.regions.dir
    );
  if (at_work(node, now))
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        "flush " + std::to_string(steer::order_number(order_of(node))) +
            " is still at work, see show flow stats, and ask again when it is done"
    );
  auto* order = node.regions.steering.at<fl_flow_order>(FL_FLOW_ORDER_OFFSET);
  const std::uint64_t sequence = steer::write_order(*order, next);
  return Json{{"sequence", sequence}};
}

}  // namespace

Answer flush_flows(Node& node, const api::Request& request, base::Nanoseconds now) {
  if (!request.vip && !request.backend)
    return base::invalid("flush flow: say whose, give a vip or a backend");
  const steer::Names& names = node.publisher.names();
  fl_flow_order order{};
  order.vip = order.backend = FL_ANY;
  if (request.vip) {
    FL_ASSIGN(order.vip, api::vip_number(names, *request.vip));
  }
  if (request.backend) {
    FL_ASSIGN(order.backend, api::backend_number(names, *request.backend));
  }
  order.per_second = std::max(request.rate.value_or(api::kFlushRate), 1U);  // 0 would be no limit
  FL_ASSIGN(Json out, write(node, order, now));
  out["flows_per_second"] = order.per_second;
  sys::log_info(
      "operator flushes flows vip=" + request.vip.value_or("all") +
      " backend=" + request.backend.value_or("all") + " sequence=" + out["sequence"].dump()
  );
  return out;
}

Answer clear_flow(Node& node, const api::Request& request, base::Nanoseconds now) {
  const api::FlowSource source = flow_source(node, now);
  const fl_vip* vip = source.table.valid() ? api::vip_of(source.table, *request.tuple) : nullptr;
  if (vip == nullptr)
    return base::fail(base::ErrorCode::kNotFound, "no vip has this destination: it has no flows");
  fl_flow_order order{};
  order.hash = api::flow_hash(source.table, *request.tuple);
  order.one_flow = 1;
  order.vip = vip->vip;
  order.backend = FL_ANY;
  Json out = api::flow_entry(source, order.hash, vip->vip);
  if (!out["found"].get<bool>()) return out;
  FL_ASSIGN(const Json written, write(node, order, now));
  out["sequence"] = written["sequence"];
  sys::log_info("operator clears one flow sequence=" + out["sequence"].dump());
  return out;
}

Json flush_state(const Node& node, base::Nanoseconds now) {
  const fl_flow_order& order = order_of(node);
  const std::uint64_t sequence = steer::order_number(order);
  Json out{{"sequence", sequence}};
  if (sequence == 0) return out;
  const steer::Names& names = node.publisher.names();
  out["running"] = at_work(node, now);
  if (order.vip != FL_ANY) out["vip"] = names.vip(order.vip);
  if (order.backend != FL_ANY) out["backend"] = names.backend(order.backend);
  if (order.one_flow == 0) out["flows_per_second"] = order.per_second;
  Json workers = Json::array();
  unsigned number = 0;
  for (const fl_worker_page& page : api::pages(node.regions.worker_pages())) {
    workers.push_back(
        {{"worker", number++},
         {"done", done(page, order)},
         {"buckets_passed", page.flush_buckets},
         {"flushed", page.flow_events[FL_EVENT_FLUSHED]}}
    );
  }
  out["workers"] = std::move(workers);
  return out;
}

}  // namespace fairlead::control
