// SPDX-License-Identifier: BSD-3-Clause
// A region: lines of memory that processes share, backed by a file (see steer/abi.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "dataplane/base/check.hh"
#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::shm {

/// What a region must be. `bytes` is the whole region, header included.
struct RegionSpec {
  fl_region_kind kind = FL_REGION_STEERING;
  std::uint64_t bytes = 0;
  std::uint64_t parameter = 0;  // as fl_region_header.parameter
};

/// The specs of the fixed regions. `bank_bytes`: a multiple of 4096, the room for one generation.
RegionSpec steering_spec(std::uint64_t bank_bytes);
RegionSpec scores_spec();
RegionSpec workers_spec();

enum class Access { kRead, kReadWrite };

/// An owned mapping. Memory that nobody has touched is zero and costs nothing. Positions inside a
/// region are line numbers or indices, so another backing (a BPF_F_MMAPABLE map) keeps the layout.
/// Main threads only; the memory itself follows the rules of each region.
class Region {
 public:
  Region() = default;
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  /// Re-uses the region in `path` if it is whole and as `spec` says; otherwise replaces it. A new
  /// file gets its name only when it is complete, so nobody ever sees half of one; processes that
  /// have mapped a replaced file keep it (see replaced()).
  static base::Result<Region> create_or_attach(
      const std::string& path, const RegionSpec& spec, base::Nanoseconds now
  );

  /// Maps an existing region of any size of this kind. Errors: kNotFound (no file yet: wait and try
  /// again), kFailedPrecondition (other version or kind), kDataLoss (truncated, no magic).
  static base::Result<Region> attach(const std::string& path, fl_region_kind kind, Access access);

  /// A region without a file: replay, simulator, tests.
  static base::Result<Region> anonymous(const RegionSpec& spec, base::Nanoseconds now);

  [[nodiscard]] bool valid() const { return data_ != nullptr; }
  [[nodiscard]] bool created() const { return created_; }  // false: an existing one was re-used
  [[nodiscard]] std::byte* data() { return data_; }
  [[nodiscard]] const std::byte* data() const { return data_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Requires: valid().
  [[nodiscard]] const fl_region_header& header() const {
    return *reinterpret_cast<const fl_region_header*>(data_);
  }

  /// The structure at a byte offset. Requires: it lies inside (checked).
  template <typename T>
  [[nodiscard]] T* at(std::uint64_t offset) {
    FL_CHECK(offset <= bytes_ && sizeof(T) <= bytes_ - offset && offset % alignof(T) == 0);
    return reinterpret_cast<T*>(data_ + offset);
  }
  template <typename T>
  [[nodiscard]] const T* at(std::uint64_t offset) const {
    FL_CHECK(offset <= bytes_ && sizeof(T) <= bytes_ - offset && offset % alignof(T) == 0);
    return reinterpret_cast<const T*>(data_ + offset);
  }

  /// Gets every page now, so that no later access waits for one or, on a full tmpfs, ends the
  /// process with SIGBUS. Content stays. Errors: kResourceExhausted and the like, told here.
  base::Result<bool> populate();

  /// True when `path` no longer names the mapped file: it was replaced or removed; attach again.
  [[nodiscard]] bool replaced() const;

  /// Takes the region's writer lock, which ends with the process: a second control daemon (or
  /// data plane) gets kAlreadyExists after `patience` nanoseconds.
  base::Result<bool> lock_writer(base::Nanoseconds patience = 0);

 private:
  static base::Result<Region> map(sys::UniqueFd fd, const std::string& path, Access access);
  static base::Result<Region> make(sys::UniqueFd fd, const RegionSpec& spec, base::Nanoseconds now);
  static base::Result<Region> reuse(const std::string& path, const RegionSpec& spec);
  base::Result<bool> check(fl_region_kind kind) const;

  std::byte* data_ = nullptr;
  std::uint64_t bytes_ = 0;
  bool created_ = false;
  std::string path_;
  sys::UniqueFd fd_;
};

}  // namespace fairlead::shm
