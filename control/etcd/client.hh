// SPDX-License-Identifier: BSD-3-Clause
// A client of etcd (v3, gRPC): keys, transactions, leases; failover between members, TLS, users.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/clock.hh"
#include "dataplane/base/result.hh"

namespace fairlead::etcd {

struct Settings {
  std::vector<std::string> endpoints;  // "HOST:PORT"
  std::string user;                    // "": no authentication
  std::string password;
  std::string ca;    // PEM text; "": no TLS
  std::string cert;  // of this client; with `key`, or both ""
  std::string key;
  base::Nanoseconds timeout = base::kSecond;  // of one call at one member
};

struct KeyValue {
  std::string key;
  std::string value;
  std::int64_t create_revision = 0;
  std::int64_t mod_revision = 0;
  std::int64_t lease = 0;  // 0: none
};

struct Range {
  std::vector<KeyValue> values;  // by rising key
  std::int64_t revision = 0;     // at which all of this held
};

/// What must hold for a transaction to be carried out.
struct Guard {
  enum class What : std::uint8_t { kCreateRevision, kModRevision };
  std::string key = {};
  What what = What::kModRevision;
  std::int64_t revision = 0;  // 0: there is no such key
};

struct Write {
  std::string key = {};
  std::string value = {};
  std::int64_t lease = 0;
  bool remove = false;         // the key
  bool remove_prefix = false;  // all keys that begin with `key`
};

struct Outcome {
  bool done = false;          // false: a guard did not hold, nothing changed
  std::int64_t revision = 0;  // of the change, or of the look
};

struct Lease {
  std::int64_t id = 0;
  base::Nanoseconds ttl = 0;
};

/// How long a lease goes on if nobody keeps it alive.
struct LeaseLife {
  base::Nanoseconds granted = 0;  // 0: there is no such lease
  base::Nanoseconds left = 0;     // whole seconds, rounded down
};

/// Any thread; calls block, at most timeout x members. Errors: kUnavailable (no member answers),
/// kPermissionDenied (user, password, certificate), kFailedPrecondition (the revision is
/// compacted), kResourceExhausted (too large), kInternal.
class Client {
 public:
  static std::unique_ptr<Client> make(Settings settings);
  virtual ~Client() = default;

  /// One key, or all that begin with it. `revision` 0: now.
  virtual base::Result<Range> get(const std::string& key, std::int64_t revision = 0) = 0;
  virtual base::Result<Range> list(const std::string& prefix, std::int64_t revision = 0) = 0;
  /// All or nothing. A call that failed may have been carried out: the guards tell when it is made
  /// again.
  virtual base::Result<Outcome> commit(
      const std::vector<Guard>& guards, const std::vector<Write>& writes
  ) = 0;
  virtual base::Result<Outcome> compact(std::int64_t revision) = 0;

  /// The server may make it longer: at least one and a half of its election timeout, whole seconds.
  virtual base::Result<Lease> grant(base::Nanoseconds ttl) = 0;
  /// Ttl 0: there is no such lease any more.
  virtual base::Result<Lease> keep_alive(std::int64_t lease) = 0;
  virtual base::Result<LeaseLife> life(std::int64_t lease) = 0;
  virtual base::Result<bool> revoke(std::int64_t lease) = 0;

  /// What is there under a prefix from `from` on, one batch a call.
  class Watch {
   public:
    struct Change {
      KeyValue value;  // of a removed key only the key
      bool removed = false;
    };
    struct Batch {
      std::vector<Change> changes;  // in their order; a key may be there twice
      std::int64_t revision = 0;
    };
    virtual ~Watch() = default;
    /// Blocks until something changed. Errors: kFailedPrecondition (compacted: list again),
    /// kUnavailable (the member is gone, or cancel()).
    virtual base::Result<Batch> next() = 0;
    /// Ends a next() of another thread, now and later.
    virtual void cancel() = 0;
  };
  virtual base::Result<std::unique_ptr<Watch>> watch(
      const std::string& prefix, std::int64_t from
  ) = 0;
};

/// The end of the range of all keys that begin with `prefix`.
std::string prefix_end(std::string prefix);

}  // namespace fairlead::etcd
