// SPDX-License-Identifier: BSD-3-Clause
// Orders out, notes in.
#include "dataplane/capture.hh"

#include <array>
#include <ctime>
#include <utility>

#include "dataplane/decision_log.hh"
#include "dataplane/sys/system_clock.hh"

namespace fairlead::dataplane {
namespace {

using nlohmann::json;

/// Of the notes of one worker that are written in one turn, so that the main thread's other work
/// does not wait: as many as its ring holds.
constexpr unsigned kNotesPerTurn = 512;

std::uint64_t realtime_ns() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * base::kSecond +
         static_cast<std::uint64_t>(t.tv_nsec);
}

std::string_view state_name(std::uint8_t state) {
  static constexpr std::string_view kNames[] = {"free", "active", "draining", "down"};
  return state < std::size(kNames) ? kNames[state] : "unknown";
}

std::string_view kind_name(net::PacketKind kind) {
  static constexpr std::string_view kNames[] = {
      "flow", "first fragment", "later fragment", "icmp error"};
  return kNames[static_cast<std::size_t>(kind)];
}

json path_row(
    const Note& note, const steer::Names& names, std::uint64_t realtime, unsigned worker
) {
  static constexpr std::string_view kEncapsulations[] = {"", "ipip", "gue", "l2"};
  const SeenPath& p = note.path;
  json row = {
      {"at_us", realtime / 1000},
      {"worker", worker},
      {"port", note.port},
      {"bytes", note.bytes},
      {"generation", p.generation},
      {"verdict", steer::to_string(p.verdict)},
      {"reason", steer::reason_name(note.reason)},
  };
  if (p.tuple.family != 0) row["flow"] = flow_text(p.tuple);
  if (p.vip == FL_NO_MEMBER) return row;
  row["kind"] = kind_name(p.kind);
  row["vip"] = names.vip(p.vip);
  row["hash"] = p.hash;
  row["known"] = p.known;
  row["candidates"] = json::array();
  for (unsigned c = 0; c < p.candidate_count; ++c) {
    row["candidates"].push_back(
        {{"slot", p.candidates[c].slot},
         {"backend", names.backend(p.candidates[c].backend)},
         {"state", state_name(p.candidates[c].state)}}
    );
  }
  if (p.member == FL_NO_MEMBER) return row;
  row["backend"] = names.backend(p.backend);
  row["encapsulation"] = kEncapsulations[p.encapsulation & 3];
  if (p.out_bytes != 0) row["out_bytes"] = p.out_bytes;
  return row;
}

std::string comment_of(const Note& note, unsigned worker) {
  std::string text = "worker " + std::to_string(worker);
  if (note.seen != kSeenDrop) return text + (note.seen == kSeenTx ? ", sent" : ", received");
  text += ", dropped: " + std::string(steer::reason_name(note.reason)) + ": ";
  return text + std::string(steer::reason_text(note.reason));
}

}  // namespace

base::Result<void> Capture::start(const Wanted& wanted, const std::vector<std::string>& ports) {
  if (running_) {
    const bool trace = wanted_.file.empty();
    return base::fail(
        base::ErrorCode::kFailedPrecondition,
        trace ? "a trace is at work; trace stop ends it"
              : "a capture into " + wanted_.file + " is at work; capture stop ends it"
    );
  }
  FL_ASSIGN(filter_, CaptureFilter::parse(wanted.filter));
  file_.reset();
  if (!wanted.file.empty()) {
    FL_ASSIGN(PcapngWriter file, PcapngWriter::create(wanted.file));
    for (const std::string& port : ports) file.add_interface(port);
    file_.emplace(std::move(file));
  }
  wanted_ = wanted;
  ports_ = ports.size();
  noted_ = 0;
  skipped_ = 0;
  error_.clear();
  paths_ = json::array();
  running_ = true;
  return {};
}

void Capture::tell(Crew& crew) {
  if (told_.size() < crew.known()) told_.resize(crew.known());
  for (unsigned w = 0; w < crew.known(); ++w) {
    Told& told = told_[w];
    if (running_ && told.wanted == nullptr) {
      told.wanted = std::make_shared<CaptureOrder>();
      told.wanted->filter = filter_;
      told.wanted->seen = wanted_.seen;
      told.wanted->left = wanted_.limit;
    }
    if (!crew.worker(w).capture().empty()) continue;
    told.before.reset();
    if (told.wanted == told.offered) continue;
    if (crew.worker(w).capture().offer(told.wanted.get()))
      told.before = std::exchange(told.offered, told.wanted);
  }
}

void Capture::take(
    const Note& note, const steer::Names& names, std::uint64_t realtime, unsigned worker
) {
  ++noted_;
  if (note.seen == kSeenPath) {
    paths_.push_back(path_row(note, names, realtime, worker));
    return;
  }
  // A port that was added since has no interface in the file.
  const std::uint32_t interface = note.port < ports_ ? note.port : 0;
  const std::string comment = comment_of(note, worker);
  file_->add(
      {interface,
       realtime,
       note.bytes,
       {note.frame.data(), note.kept},
       note.seen == kSeenTx ? PcapngDirection::kOutbound : PcapngDirection::kInbound,
       comment}
  );
}

void Capture::drain(const steer::Names& names, base::Nanoseconds now) {
  const std::uint64_t offset = realtime_ns() - now;
  skipped_ = 0;
  for (unsigned w = 0; w < told_.size(); ++w) {
    if (told_[w].wanted == nullptr) continue;
    CaptureRing& ring = told_[w].wanted->ring;
    for (unsigned i = 0; i < kNotesPerTurn && noted_ < wanted_.limit; ++i) {
      const Note* const note = ring.front();
      if (note == nullptr) break;
      take(*note, names, note->at + offset, w);
      ring.pop();
    }
    skipped_ += ring.skipped();
  }
}

void Capture::tick(Crew& crew, const steer::Names& names, base::Nanoseconds now) {
  if (running_) drain(names, now);
  if (running_ && noted_ >= wanted_.limit) finish();
  tell(crew);
}

void Capture::finish() {
  running_ = false;
  for (Told& told : told_) told.wanted.reset();
  if (!file_) return;
  if (skipped_ != 0) file_->add_skipped(skipped_, realtime_ns());
  const auto done = file_->commit();
  if (!done) error_ = done.error().what;
  file_.reset();
}

base::Result<json> Capture::stop(Crew& crew, const steer::Names& names, base::Nanoseconds now) {
  if (!running_)
    return base::fail(base::ErrorCode::kFailedPrecondition, "no capture or trace is at work");
  drain(names, now);
  finish();
  tell(crew);
  return show();
}

json Capture::show() const {
  json out = {
      {"running", running_},
      {"file", wanted_.file},
      {"match", wanted_.filter},
      {"limit", wanted_.limit},
      {"noted", noted_},
      {"skipped", skipped_}};
  if (!error_.empty()) out["error"] = error_;
  if (wanted_.file.empty()) out["packets"] = paths_;
  return out;
}

}  // namespace fairlead::dataplane
