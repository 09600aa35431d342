// SPDX-License-Identifier: BSD-3-Clause
// How a new generation of tables reaches workers: a ring of banks, one word to poll, one word to
// acknowledge. The rule and its proof are in docs/publication.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

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
  void go_online();
  [[nodiscard]] const fl_bank* bank(std::uint64_t generation) const;

  const std::uint64_t* current_ = nullptr;
  const fl_flow_order* order_ = nullptr;
  const std::byte* banks_ = nullptr;
  std::size_t bank_bytes_ = 0;
  std::uint64_t* ack_ = nullptr;
  std::uint64_t seen_ = 0;  // 0: offline
};

/// Where the workers stand with a generation.
struct Acknowledgement {
  unsigned online = 0;       // workers that read tables now
  unsigned behind = 0;       // of them, those that have not acknowledged the generation
  std::uint64_t lowest = 0;  // lowest acknowledgement of an online worker; 0: none online
  [[nodiscard]] bool complete() const { return behind == 0; }
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

  /// The bank of the next generation, to be filled by the caller; whatever it holds may be
  /// overwritten. kUnavailable while a live worker may still read it: try again in a millisecond.
  base::Result<std::span<std::byte>> next_bank(base::Nanoseconds now);

  /// Makes the bank that next_bank() returned the current one. Requires: its fl_bank.generation is
  /// generation() + 1 and it is complete, checksum included.
  std::uint64_t publish(base::Nanoseconds now);

  [[nodiscard]] Acknowledgement acknowledged(std::uint64_t generation) const;

 private:
  [[nodiscard]] std::byte* bank(std::uint64_t generation) const;

  fl_current* current_;
  std::byte* banks_;
  std::size_t bank_bytes_;
  fl_workers* workers_;
  Gone gone_;
  bool prepared_ = false;
};

/// Heartbeats older than this make a worker suspect; its process is then looked at.
inline constexpr base::Nanoseconds kHeartbeatStale = base::kSecond;

/// True when the heartbeat is stale and the process that wrote it has ended: no such pid, a zombie,
/// or a younger process under the same pid. A worker that only hangs is not gone: it may wake
/// in the middle of a bank, so it holds its bank as long as it exists.
bool worker_is_gone(const fl_worker_page& page, base::Nanoseconds now);

}  // namespace fairlead::shm
