// SPDX-License-Identifier: BSD-3-Clause
// How a new generation of tables reaches workers: a ring of banks, one word to poll, one word to
// acknowledge. The rule and its proof are in docs/publication.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "dataplane/shm/region.hh"
#include "dataplane/steer/abi.h"

namespace fairlead::shm {

/// Worker side: one per worker, used by that worker's thread only. Never waits, never fails.
class GenerationReader {
 public:
  GenerationReader() = default;
  /// `steering`: the mapped region (writing is not needed); `page`: the worker's own page. Both
  /// must outlive the reader.
  GenerationReader(const Region& steering, fl_worker_page* page);

  /// The bank of the newest generation, or null before the first. One acquire load when nothing
  /// changed; call once per burst. The bank stays whole until the next call of current() or
  /// go_offline(). Goes online by itself.
  const fl_bank* current();

  /// Generation that current() returned last; 0: none. When it changes, attach a new TableView.
  [[nodiscard]] std::uint64_t generation() const { return seen_; }
  [[nodiscard]] std::size_t bank_bytes() const { return bank_bytes_; }
  /// Where this region's flow orders are written.
  [[nodiscard]] const fl_flow_order* order() const { return order_; }

  /// The worker reads no bank until it calls current() again (idle, stopping): it holds nothing up.
  void go_offline();

 private:
  [[nodiscard]] const fl_bank* bank(std::uint64_t generation) const;
  void take_newest();

  const std::uint64_t* current_ = nullptr;
  const fl_flow_order* order_ = nullptr;
  const std::byte* banks_ = nullptr;
  std::size_t bank_bytes_ = 0;
  std::uint64_t* ack_ = nullptr;
  std::uint64_t seen_ = 0;  // 0: offline
};

/// Where the workers stand with a generation. One whose heartbeat is older than kHeartbeatStale
/// counts for nothing: it reads no tables now, and the newest one first when it wakes.
struct Acknowledgement {
  unsigned online = 0;       // workers that read tables now
  unsigned behind = 0;       // of them, those that have not acknowledged the generation
  std::uint64_t lowest = 0;  // that an online worker has taken up; 0: nothing, or none online
  [[nodiscard]] bool complete() const { return behind == 0; }
};

/// A worker that keeps the bank of a generation that is not the newest any more.
struct Holder {
  unsigned worker = 0;
  std::uint32_t pid = 0;
  std::uint64_t generation = 0;
};

/// Where the next generation goes. Its number says which bank it is.
struct NextBank {
  std::uint64_t generation = 0;
  std::span<std::byte> bytes;
};

/// Control side: one per steering region (Region::lock_writer), one thread.
class GenerationWriter {
 public:
  /// Tells whether the worker that owns a page is certainly gone. Default: worker_is_gone().
  using Gone = std::function<bool(const fl_worker_page&, base::Nanoseconds now)>;

  /// Both regions must outlive the writer; `workers` is written only to clear the
  /// acknowledgement of a dead worker.
  GenerationWriter(Region& steering, Region& workers);
  GenerationWriter(Region& steering, Region& workers, Gone gone);

  /// Newest published generation; 0: none. A restarted control goes on from here.
  [[nodiscard]] std::uint64_t generation() const;
  /// Its bank, or an empty span.
  [[nodiscard]] std::span<const std::byte> current_bank() const;

  /// A bank that nobody reads, to be filled by the caller; whatever it holds may be overwritten.
  /// Its generation is the smallest above generation() whose bank is free: one more, unless a
  /// worker keeps that bank. kUnavailable while workers keep them all, or have all but the one that
  /// was in force until kGrace ago: try again. Cheap: 64 loads.
  base::Result<NextBank> next_bank(base::Nanoseconds now);

  /// Makes the bank that next_bank() returned last the current one. Requires: its
  /// fl_bank.generation is what next_bank() said and it is complete, checksum included.
  std::uint64_t publish(base::Nanoseconds now);

  [[nodiscard]] Acknowledgement acknowledged(std::uint64_t generation, base::Nanoseconds now) const;
  /// Workers that keep the bank of another generation than generation(), by worker; hanging ones
  /// and dead ones that have not been found out yet too. The number may be higher: of a region that
  /// this one replaced.
  [[nodiscard]] std::vector<Holder> holders() const;

 private:
  [[nodiscard]] std::byte* bank(std::uint64_t generation) const;
  [[nodiscard]] std::uint64_t before(std::uint64_t generation) const;

  fl_current* current_;
  std::byte* banks_;
  std::size_t bank_bytes_;
  fl_workers* workers_;
  Gone gone_;
  std::uint64_t prepared_ = 0;  // generation that next_bank() gave out; 0: none
};

/// Heartbeats older than this make a worker suspect; its process is then looked at.
inline constexpr base::Nanoseconds kHeartbeatStale = base::kSecond;

/// The bank that was in force before is given out last, and not within this time: a packet handler
/// of the gate, which acknowledges nothing, may have begun with it. It takes microseconds.
inline constexpr base::Nanoseconds kGrace = 100 * base::kMillisecond;

/// True when the heartbeat is stale and the process that wrote it has ended: no such pid, a zombie,
/// or a younger process under the same pid. A worker that only hangs is not gone: it may wake
/// in the middle of a bank, so it keeps its bank as long as it exists.
bool worker_is_gone(const fl_worker_page& page, base::Nanoseconds now);

}  // namespace fairlead::shm
