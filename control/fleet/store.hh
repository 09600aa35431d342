// SPDX-License-Identifier: BSD-3-Clause
// State that all nodes of a fleet share: a few small values by name, in etcd.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/etcd/client.hh"
#include "control/fleet/bases.hh"

namespace fairlead::fleet {

/// By name: "config", "hold/web/b1". Values are text.
using Values = std::map<std::string, std::string>;

struct Change {
  std::string name;
  std::optional<std::string> value;  // nullopt: it goes
};

/// What takes one state to another.
std::vector<Change> changes_between(const Values& before, const Values& after);

/// What is known of a node or a monitor that is there: it says so with a lease.
struct Member {
  std::string id;
  std::string value;
};

/// Reading and writing never wait for etcd: it has the last known state, with this process's own
/// writes in it. While etcd is away or refuses them (it is full, has no right for us) these wait,
/// in a file too, and are carried out later; where somebody else has changed the same name
/// meanwhile, theirs stays and ours is dropped, with a line in the log. Any thread.
class Store {
 public:
  struct Settings {
    etcd::Settings etcd;
    std::string prefix;  // "/fairlead"
    std::string file;    // of the last known state and of writes that wait; "": none
    /// Something is different; from a thread of the store.
    std::function<void()> changed;
  };
  /// Goes on from the file at once; a damaged one is logged and ignored.
  static std::unique_ptr<Store> open(Settings settings);
  virtual ~Store() = default;

  [[nodiscard]] virtual Values read() const = 0;
  virtual void write(const std::vector<Change>& changes) = 0;

  /// Base layers of vips. They are not in the file: what a node derived from them is in its bank.
  [[nodiscard]] virtual Bases bases() const = 0;
  /// For the leader of the monitors; goes on while etcd is away, and is dropped when its guards do
  /// not hold.
  virtual void store_base(const std::string& vip, BaseWrite write) = 0;

  struct State {
    bool known = false;  // it was read, now or by the process before
    bool away = false;   // etcd does not answer, did not yet, or refuses a write
    std::string trouble;
    std::int64_t revision = 0;  // of etcd, of what is known
    std::size_t waiting = 0;    // own writes that are not through
    std::uint64_t dropped = 0;  // own writes that somebody else's came before
    std::uint64_t turn = 0;     // counts up whenever read(), bases() or members() may have changed
  };
  [[nodiscard]] virtual State state() const = 0;

  /// This process is there, until the store ends or its host dies; at most kLease later others see
  /// that it is gone. `kind` "nodes" or "monitors". Again: with another value.
  virtual void announce(const std::string& kind, const std::string& id, std::string value) = 0;
  /// Who is there, by rising id.
  [[nodiscard]] virtual std::vector<Member> members(const std::string& kind) const = 0;
  static constexpr base::Nanoseconds kLease = 10 * base::kSecond;
};

}  // namespace fairlead::fleet
