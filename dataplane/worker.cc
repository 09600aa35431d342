// SPDX-License-Identifier: BSD-3-Clause
// The forwarding loop.
#include "dataplane/worker.hh"

#include <utility>

#include <unistd.h>

#include <rte_cycles.h>

#include "dataplane/path/pipeline.hh"
#include "dataplane/shm/process_state.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

// After stop() a worker empties what its receive rings can hold, and no more: where no gate takes
// over, traffic may never end.
constexpr unsigned kLastPolls = 2048 / path::kPacketsInTurn;

// Notes of inherited flows: what can be inherited between two looks of the main thread.
constexpr std::uint32_t kInheritances = 1 << 14;
// After its sleep a worker gets its core back within this, or the core is somebody else's.
constexpr base::Nanoseconds kWakeUp = base::kMillisecond;

// Handed-over flows forgotten per poll: a note costs one cache miss.
constexpr unsigned kNotesPerPoll = 32;
// Pieces of a flush, 16 KiB of the table each, at one time of a worker that does not run: those who
// follow its entries wait for it. 128 MiB take 5 s.
constexpr unsigned kPiecesPerTend = 16;
// How long the gate goes on forwarding for a worker whose gateway does not answer.
constexpr base::Nanoseconds kGatewayPatience = 2 * base::kSecond;

// A process that was killed in the middle of a burst received packets whose end it never booked.
// They are lost, under a name of their own, and the law holds for all that comes. (A packet that
// was sent and not booked any more counts as lost, too.)
void balance(fl_worker_page& page) {
  std::uint64_t known = page.tx_packets + page.punted + page.answered;
  for (const std::uint64_t dropped : page.drops) known += dropped;
  if (page.rx_packets > known) page.drops[FL_REASON_LOST_IN_CRASH] += page.rx_packets - known;
  if (page.rx_packets < known)
    page.rx_packets = known;  // the page is damaged: begin anew from here
}

}  // namespace

Worker::Worker(Setup setup)
    : inherited_(kInheritances),
      handed_over_(kInheritances),
      decisions_(setup.decisions == 0 ? path::DecisionSink() : path::DecisionSink(setup.decisions)),
      core_(setup.core),
      ports_(std::move(setup.ports)),
      tables_(setup.tables),
      pages_of_all_(setup.pages_of_all),
      clock_(setup.tsc_hz),
      idle_(setup.idle),
      tsc_hz_(setup.tsc_hz),
      gap_((kWakeUp + idle_.longest()) * setup.tsc_hz / base::kSecond),
      ownership_(setup.page) {
  context_.flows = setup.flows;
  context_.page = setup.page;
  context_.scores = setup.scores;
  context_.worker = setup.number;
  context_.outer_id = net::first_outer_id(setup.number);
  context_.buffer_bytes = kBufferBytes;
  context_.decisions = setup.decisions == 0 ? nullptr : &decisions_;
  context_.relatives.tables = setup.tables_of_all;
  context_.relatives.inherited = &inherited_;
  context_.relatives.order = &flush_.begun();
  if (setup.pages_of_all != nullptr) context_.relatives.pages = setup.pages_of_all->worker;
  context_.fragments = &fragments_;
  context_.peers = setup.peers;
  if (context_.peers != nullptr) context_.peers->set(context_.worker, &fragments_.table);
}

Worker::~Worker() {
  if (context_.peers != nullptr) context_.peers->remove(context_.worker);
}

// What a page says under the name of a process that has ended counts for nothing, and its bank may
// be rewritten while we read it.
void Worker::sign_page() {
  fl_worker_page& page = *context_.page;
  page.pid = static_cast<std::uint32_t>(::getpid());
  *fl_namespace_of(&page) = shm::pid_namespace();
  *fl_thread_of(&page) = static_cast<std::uint32_t>(::gettid());
  page.core = core_;
  page.tsc_hz = tsc_hz_;
  page.started_ns = sys::monotonic_ns();
  flush_.watch(tables_.order(), page, pages_of_all_);
  signed_ = true;
}

void Worker::start() {
  sign_page();
  claimed_ = false;
  ownership_.leave_to_gate();  // a predecessor that was killed left it in our name
  beat(rte_rdtsc());
}

void Worker::change_region() {
  shm::GenerationReader next;
  if (!new_tables_.take(next)) return;
  tables_.go_offline();
  tables_ = next;
  flush_.watch(tables_.order(), *context_.page, pages_of_all_);
}

void Worker::change_capture() {
  CaptureOrder* next = nullptr;
  if (new_capture_.take(next)) tap_.follow(next);
}

void Worker::change_queues() {
  Assignment* const next = assignment_.load(std::memory_order_acquire);
  if (next == nullptr) return;
  give_up_waiting();  // a queue that they came by may go
  for (WorkerPort& port : next->ports) {
    for (const WorkerPort& before : ports_) {
      if (before.hops != port.hops) continue;
      port.now = before.now;
      port.hops_known = before.hops_known;
    }
  }
  std::swap(ports_, next->ports);
  context_.relatives.former = next->former;
  context_.relatives.until = next->former_until;
  assignment_.store(nullptr, std::memory_order_release);
}

void Worker::let_go() {
  path::Inheritance note;
  for (unsigned i = 0; i < kNotesPerPoll && handed_over_.try_pop(note); ++i) {
    path::hand_over(context_, note);
  }
}

void Worker::tend() {
  if (!signed_) sign_page();
  clock_.sync(rte_rdtsc(), sys::monotonic_ns());
  context_.now = clock_.now(rte_rdtsc());
  change_region();
  ownership_.lock();  // the gate may serve a queue with this page and its flows
  refresh_table();
  path::Inheritance note;
  while (handed_over_.try_pop(note)) path::hand_over(context_, note);
  path::maintain(context_);
  for (unsigned piece = 0; piece < kPiecesPerTend; ++piece) flush_.step(context_);
  ownership_.unlock();
  tables_.go_offline();
}

void Worker::beat(std::uint64_t cycles) {
  if (clock_.sync_due(cycles)) clock_.sync(cycles, sys::monotonic_ns());
  context_.now = clock_.now(cycles);
  // The gate reads this line for every packet: a store at each poll would cost it a miss each time.
  if (context_.now < beaten_ + FL_BEAT_NS) return;
  beaten_ = context_.now;
  __atomic_store_n(&context_.page->heartbeat_ns, context_.now, __ATOMIC_RELAXED);
}

/// Until main has told the next hops, and a gateway's MAC for ports that the kernel resolves for,
/// the gate forwards better than we would.
bool Worker::knows_next_hops() {
  const bool patient = context_.now < context_.page->started_ns + kGatewayPatience;
  for (WorkerPort& port : ports_) {
    if (port.hops->take(port.now)) port.hops_known = true;
    const bool gateway = !port.now.gateway4.is_zero() || !port.now.gateway6.is_zero();
    if (!port.hops_known || (port.punt == PuntPath::kNone && !gateway && patient)) return false;
  }
  return !ports_.empty() || !patient;
}

/// True while the queue is ours. It becomes ours when we can serve it; after the gate took it, when
/// we run steadily again. The flows in the table are then others than we remember: they are counted
/// anew.
bool Worker::own_queue() {
  if (claimed_ && ownership_.held()) [[likely]]
    return true;
  if (claimed_ ? !ownership_.may_claim_again(context_.now) : !knows_next_hops()) return false;
  claimed_ = true;
  ownership_.claim(context_.now);
  balance(*context_.page);
  context_.counted = false;
  refresh_table();  // what is held may be of a generation that nobody names since tend()
  path::use_table(context_, context_.table);
  return true;
}

unsigned Worker::serve_ports() {
  unsigned count = 0;
  for (WorkerPort& port : ports_) {
    if (port.hops->take(port.now)) port.hops_known = true;
    if (port.from_main != nullptr && !port.from_main->empty()) send_for_main(port);
    for (const Queue queue : port.queues) {
      // Stopped in a burst, a worker may wake to queues that the gate serves, and to another table.
      if (!ownership_.held()) return count;
      refresh_table();
      count += serve(port, queue, Turn::kOurs);
    }
  }
  return count;
}

/// What came before the gate took the queue is in the receive rings, and nobody else can send it: a
/// worker on a crowded core may be long in coming to claim again, and at its end it never does.
unsigned Worker::serve_what_is_left() {
  refresh_table();
  unsigned count = 0;
  for (WorkerPort& port : ports_) {
    if (port.hops->take(port.now)) port.hops_known = true;
    for (const Queue queue : port.queues) count += serve(port, queue, Turn::kGates);
  }
  return count;
}

/// The gate forwards from now on, if it does not already.
void Worker::hand_over() {
  if (!claimed_) return;
  if (ownership_.held()) ownership_.give_back();
  for (unsigned polls = kLastPolls; polls > 0 && serve_what_is_left() != 0;) --polls;
}

void Worker::refresh_table() {
  const std::uint64_t before = tables_.generation();
  const fl_bank* bank = tables_.current();
  if (bank == nullptr || tables_.generation() == before) return;
  auto table = steer::TableView::attach(bank, tables_.bank_bytes());
  if (table) {
    path::use_table(context_, *table);
    return;
  }
  // A damaged bank is not used. The one before stays whole meanwhile: it is given out last.
  if (context_.table.valid() && context_.table.generation() == before) return;
  context_.table = steer::TableView();
}

unsigned Worker::poll(std::uint64_t cycles) {
  beat(cycles);
  change_region();
  change_queues();
  change_capture();
  if (!own_queue()) [[unlikely]]
    return claimed_ ? serve_what_is_left() : 0;
  refresh_table();
  let_go();
  const unsigned count = serve_ports();
  if (count == 0) path::maintain(context_);
  serve_waiting();
  flush_.step(context_);
  return count;
}

void Worker::run() {
  start();
  fl_worker_page& page = *context_.page;
  std::uint64_t begin = rte_rdtsc();
  gap_.polled(begin);
  do {
    const unsigned count = poll(begin);
    if (count == 0) {
      if (const base::Nanoseconds pause = idle_.found_nothing(); pause != 0) sleep_for(pause);
    } else {
      idle_.found_packets();
    }
    const std::uint64_t end = rte_rdtsc();
    (count == 0 ? page.idle_cycles : page.busy_cycles) += end - begin;
    gap_.polled(begin);
    begin = end;
  } while (!stopping_.load(std::memory_order_relaxed));
  hand_over();
  ownership_.lock();  // the gate counts on the same page
  give_up_waiting();
  ownership_.unlock();
  tables_.go_offline();
}

}  // namespace fairlead::dataplane
