// SPDX-License-Identifier: BSD-3-Clause
// Creating, checking and mapping regions.
#include "dataplane/shm/region.hh"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "dataplane/shm/huge_pages.hh"
#include "dataplane/shm/lock_holder.hh"
#include "dataplane/shm/map_memory.hh"
#include "dataplane/sys/patient_lock.hh"

namespace fairlead::shm {

using base::ErrorCode;
using base::fail;
using base::Result;
using base::system_error;

namespace {

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23  // linux/mman.h since 5.14
#endif

const char* name_of(std::uint32_t kind) {
  switch (kind) {
    case FL_REGION_STEERING:
      return "steering";
    case FL_REGION_SCORES:
      return "scores";
    case FL_REGION_WORKERS:
      return "workers";
    case FL_REGION_FLOWS:
      return "flows";
    default:
      return "unknown";
  }
}

/// The least a region of a kind can hold; offsets used without further checks rely on it.
std::uint64_t least_bytes(const fl_region_header& h) {
  switch (h.kind) {
    case FL_REGION_STEERING:
      return FL_BANKS_OFFSET + FL_BANKS * h.parameter;
    case FL_REGION_SCORES:
      return sizeof(fl_scores);
    case FL_REGION_WORKERS:
      return sizeof(fl_workers);
    case FL_REGION_FLOWS:
      return FL_LINE_BYTES + h.parameter * sizeof(fl_flow_bucket);
    default:
      return 0;
  }
}

/// hugetlbfs takes whole pages only; 1 on any other file system.
std::uint64_t huge_page_bytes(int fd) {
  struct statfs system {};
  if (::fstatfs(fd, &system) != 0 || system.f_type != HUGETLBFS_MAGIC) return 1;
  return static_cast<std::uint64_t>(system.f_bsize);
}

Result<bool> size_file(int fd, const RegionSpec& spec) {
  const std::uint64_t page = huge_page_bytes(fd);
  const std::uint64_t file_bytes = (spec.bytes + page - 1) / page * page;
  if (::ftruncate(fd, static_cast<off_t>(file_bytes)) == 0) return true;
  return system_error(
      std::string("size region '") + name_of(spec.kind) + "' to " + std::to_string(spec.bytes) +
          " bytes",
      errno
  );
}

}  // namespace

RegionSpec steering_spec(std::uint64_t bank_bytes) {
  return {FL_REGION_STEERING, FL_BANKS_OFFSET + FL_BANKS * bank_bytes, bank_bytes};
}
RegionSpec scores_spec() {
  return {FL_REGION_SCORES, sizeof(fl_scores), 0};
}
RegionSpec workers_spec() {
  return {FL_REGION_WORKERS, sizeof(fl_workers), 0};
}

Region::Region(Region&& other) noexcept {
  *this = std::move(other);
}

Region& Region::operator=(Region&& other) noexcept {
  if (this == &other) return *this;
  if (data_ != nullptr) ::munmap(data_, bytes_);
  data_ = std::exchange(other.data_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  created_ = other.created_;
  is_map_ = other.is_map_;
  path_ = std::move(other.path_);
  fd_ = std::move(other.fd_);
  lock_ = std::move(other.lock_);
  return *this;
}

Region::~Region() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
}

Result<Region> Region::map(sys::UniqueFd fd, const std::string& path, Access access) {
  std::uint64_t bytes = 0;
  const LineMap lines = describe_line_map(fd.get());
  if (lines.id != 0) {
    bytes = lines.bytes;
  } else {
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return system_error("stat region " + path, errno);
    bytes = static_cast<std::uint64_t>(status.st_size);
  }
  if (bytes < sizeof(fl_region_header))
    return fail(ErrorCode::kDataLoss, "region " + path + " is shorter than its header");
  const int protection = access == Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
  void* memory = ::mmap(nullptr, bytes, protection, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) return system_error("map region " + path, errno);
  Region region;
  region.data_ = static_cast<std::byte*>(memory);
  region.bytes_ = bytes;
  region.is_map_ = lines.id != 0;
  region.path_ = path;
  region.fd_ = std::move(fd);
  return region;
}

/// Fills in the header of fresh memory, magic last.
Result<Region> Region::make(sys::UniqueFd fd, const RegionSpec& spec, base::Nanoseconds now) {
  FL_ASSIGN(Region region, map(std::move(fd), name_of(spec.kind), Access::kReadWrite));
  if (spec.kind == FL_REGION_FLOWS) prefer_huge_pages(region.data_, region.bytes_);
  auto* header = region.at<fl_region_header>(0);
  header->version = FL_ABI_VERSION;
  header->kind = spec.kind;
  header->bytes = spec.bytes;
  header->created_ns = now;
  header->parameter = spec.parameter;
  __atomic_store_n(&header->magic, FL_ABI_MAGIC, __ATOMIC_RELEASE);
  region.created_ = true;
  return region;
}

Result<bool> Region::check(fl_region_kind kind) const {
  const fl_region_header& h = header();
  if (__atomic_load_n(&h.magic, __ATOMIC_ACQUIRE) != FL_ABI_MAGIC)
    return fail(
        ErrorCode::kDataLoss, "region " + path_ + " has no magic: not a region, or damaged"
    );
  if (h.version != FL_ABI_VERSION)
    return fail(
        ErrorCode::kFailedPrecondition,
        "region " + path_ + " has layout version " + std::to_string(h.version) + ", this binary " +
            std::to_string(FL_ABI_VERSION) + ": run binaries of one release, or remove the file"
    );
  if (h.kind != static_cast<std::uint32_t>(kind))
    return fail(
        ErrorCode::kFailedPrecondition,
        "region " + path_ + " is of kind '" + name_of(h.kind) + "', expected '" + name_of(kind) +
            "'"
    );
  const bool absurd = h.parameter > h.bytes;
  if (absurd || h.bytes > bytes_ || h.bytes < least_bytes(h))
    return fail(
        ErrorCode::kDataLoss,
        "region " + path_ + " says " + std::to_string(h.bytes) + " bytes, its file has " +
            std::to_string(bytes_) + ": truncated; remove it and restart fairlead-control"
    );
  return true;
}

Result<Region> Region::attach(const std::string& path, fl_region_kind kind, Access access) {
  sys::UniqueFd fd;
  if (const std::string pin = map_pin_of(path); !pin.empty()) {
    FL_ASSIGN(fd, open_line_map(pin));
  } else {
    // NONBLOCK: somebody may have named a pipe.
    const int flags = (access == Access::kRead ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_CLOEXEC;
    fd = sys::UniqueFd(::open(path.c_str(), flags));
    if (!fd.valid()) return system_error("open region " + path, errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
      return fail(ErrorCode::kDataLoss, "region " + path + " is not a regular file");
  }
  FL_ASSIGN(Region region, map(std::move(fd), path, access));
  FL_TRY(region.check(kind));
  return region;
}

Result<Region> Region::reuse(const std::string& path, const RegionSpec& spec) {
  FL_ASSIGN(Region region, attach(path, spec.kind, Access::kReadWrite));
  // hugetlbfs rounds the file up to whole pages: the header has the exact size.
  if (region.header().bytes != spec.bytes || region.header().parameter != spec.parameter)
    return fail(ErrorCode::kFailedPrecondition, "region " + path + " has another size");
  if (spec.kind == FL_REGION_FLOWS) prefer_huge_pages(region.data_, region.bytes_);
  return region;
}

Result<Region> Region::create_file(
    const std::string& path, const RegionSpec& spec, base::Nanoseconds now
) {
  const std::string fresh = path + ".new." + std::to_string(::getpid());
  ::unlink(fresh.c_str());
  sys::UniqueFd fd(::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!fd.valid()) return system_error("create region " + fresh, errno);
  const auto sized = size_file(fd.get(), spec);
  auto region = sized ? make(std::move(fd), spec, now) : tl::unexpected(sized.error());
  if (region && ::rename(fresh.c_str(), path.c_str()) != 0)
    region = system_error("name region " + path, errno);
  if (!region) ::unlink(fresh.c_str());
  return region;
}

Result<Region> Region::create_map(
    const std::string& path, const std::string& pin, const RegionSpec& spec, base::Nanoseconds now
) {
  FL_ASSIGN(sys::UniqueFd fd, create_line_map(name_of(spec.kind), spec.bytes));
  FL_ASSIGN(Region region, make(std::move(fd), spec, now));
  FL_TRY(pin_line_map(region.fd_.get(), pin));
  ::unlink(path.c_str());  // of a time without a gate
  return region;
}

Result<Region> Region::create_or_attach(
    const std::string& path, const RegionSpec& spec, base::Nanoseconds now
) {
  auto existing = reuse(path, spec);
  if (existing) return existing;
  if (existing.error().code == ErrorCode::kPermissionDenied) return existing;

  const std::string pin = map_pin_of(path);
  auto region = pin.empty() ? create_file(path, spec, now) : create_map(path, pin, spec, now);
  if (!region) return base::annotate("create region " + path, region.error());
  region->path_ = path;
  return region;
}

Result<Region> Region::anonymous(const RegionSpec& spec, base::Nanoseconds now) {
  sys::UniqueFd fd(::memfd_create(name_of(spec.kind), MFD_CLOEXEC));
  if (!fd.valid()) return system_error("memfd_create", errno);
  FL_TRY(size_file(fd.get(), spec));
  return make(std::move(fd), spec, now);
}

Result<bool> Region::populate() {
  FL_TRY(reserve());
  if (!is_map_) make_page_tables(data_, bytes_);
  return true;
}

Result<bool> Region::reserve() {
  if (is_map_) return true;  // the kernel made both memory and page tables
  if (::fallocate(fd_.get(), 0, 0, static_cast<off_t>(bytes_)) != 0 && errno != EOPNOTSUPP)
    return system_error(
        "region " + path_ + ": get " + std::to_string(bytes_ >> 20) + " MiB of shared memory", errno
    );
  return true;
}

void Region::make_page_tables(std::byte* data, std::uint64_t bytes) {
  // Other threads' mmap() and munmap() wait for each step.
  constexpr std::uint64_t kStep = 2ULL << 20;
  for (std::uint64_t at = 0; at < bytes; at += kStep)
    (void)::madvise(data + at, std::min(kStep, bytes - at), MADV_POPULATE_WRITE);
}

bool Region::replaced() const {
  const std::string pin = map_pin_of(path_);
  if (pin.empty() == is_map_) return true;
  if (is_map_) {
    const auto named = open_line_map(pin);
    return !named || describe_line_map(named->get()).id != describe_line_map(fd_.get()).id;
  }
  struct stat mine {};
  struct stat named {};
  if (::fstat(fd_.get(), &mine) != 0 || ::stat(path_.c_str(), &named) != 0) return true;
  return mine.st_dev != named.st_dev || mine.st_ino != named.st_ino;
}

Result<bool> Region::lock_writer(base::Nanoseconds patience) {
  const std::string file = lock_file_of(path_);
  lock_ = sys::UniqueFd(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock_.valid()) return system_error("open " + file, errno);
  if (sys::lock_patiently(lock_.get(), patience)) {
    const LockHolder self{static_cast<std::uint32_t>(::getpid()), 0, sys::monotonic_ns()};
    if (note_lock_holder(lock_.get(), self)) return true;
    return system_error("write " + file, errno);
  }
  if (errno != EWOULDBLOCK) return system_error("lock region " + path_, errno);
  return fail(
      ErrorCode::kAlreadyExists,
      "region " + path_ + " has a writer already: stop the other process first"
  );
}

}  // namespace fairlead::shm
