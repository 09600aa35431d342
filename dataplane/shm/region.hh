// SPDX-License-Identifier: BSD-3-Clause
// A region: lines of memory that processes share (see steer/abi.h), backed by a file or a BPF map.
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

/// An owned mapping. Where an XDP gate runs, that is, where the region's folder has a BPF file
/// system "bpf", it is the memory of a BPF map pinned there (shm/map_memory.hh), which the gate
/// looks up line by line; elsewhere a file, of which memory that nobody has touched costs nothing.
/// The layout is the same, and a `path` always names the file it would be. Main threads only; the
/// memory itself follows the rules of each region.
class Region {
 public:
  Region() = default;
  Region(Region&& other) noexcept;
  Region& operator=(Region&& other) noexcept;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region();

  /// Re-uses the region `path` if it is whole and as `spec` says; otherwise replaces it. A new
  /// one gets its name only when it is complete, so nobody ever sees half of one; processes that
  /// have mapped a replaced one keep it (see replaced()).
  static base::Result<Region> create_or_attach(
      const std::string& path, const RegionSpec& spec, base::Nanoseconds now
  );

  /// Maps an existing region of any size of this kind. Errors: kNotFound (none yet: wait and try
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
  /// Of the file or the BPF map, to hand it to the kernel.
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] bool is_map() const { return is_map_; }
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
  /// The first half of it: the memory is there, and errors are told.
  base::Result<bool> reserve();
  /// The second: page tables. Needs the mapping only, so another thread may do it; 256 MiB take a
  /// third of a second. Kernels before 5.14 cannot, and then the first access makes them.
  static void make_page_tables(std::byte* data, std::uint64_t bytes);

  /// True when `path` no longer names what is mapped: it was replaced or removed; attach again.
  [[nodiscard]] bool replaced() const;

  /// Takes the region's writer lock, which ends with the process: a second control daemon (or
  /// data plane) gets kAlreadyExists after `patience` nanoseconds.
  base::Result<bool> lock_writer(base::Nanoseconds patience = 0);

 private:
  static base::Result<Region> map(sys::UniqueFd fd, const std::string& path, Access access);
  static base::Result<Region> make(sys::UniqueFd fd, const RegionSpec& spec, base::Nanoseconds now);
  static base::Result<Region> create_file(
      const std::string& path, const RegionSpec& spec, base::Nanoseconds now
  );
  static base::Result<Region> create_map(
      const std::string& path, const std::string& pin, const RegionSpec& spec, base::Nanoseconds now
  );
  static base::Result<Region> reuse(const std::string& path, const RegionSpec& spec);
  base::Result<bool> check(fl_region_kind kind) const;

  std::byte* data_ = nullptr;
  std::uint64_t bytes_ = 0;
  bool created_ = false;
  bool is_map_ = false;
  std::string path_;
  sys::UniqueFd fd_;
  sys::UniqueFd lock_;  // maps have no locks of their own
};

}  // namespace fairlead::shm
