// SPDX-License-Identifier: BSD-3-Clause
// A copy of etcd's keys, own writes over it, and one thread that carries them out.
//   PREFIX/state/NAME      values; "config" in parts (etcd/large.hh)
//   PREFIX/base/VIP        base layers (bases.hh)
//   PREFIX/nodes/ID        who is there, with a lease
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "control/etcd/copy.hh"
#include "control/etcd/large.hh"
#include "control/fleet/saved.hh"
#include "control/fleet/store.hh"
#include "dataplane/sys/log.hh"

namespace fairlead::fleet {
namespace {

constexpr std::string_view kInParts = "config";
constexpr std::chrono::milliseconds kAgain{500};
constexpr std::chrono::nanoseconds kKeepAlive{Store::kLease / 3};

class EtcdStore final : public Store {
 public:
  explicit EtcdStore(Settings settings)
      : settings_(std::move(settings)), client_(etcd::Client::make(settings_.etcd)) {
    auto saved = settings_.file.empty() ? Saved{} : load_saved(settings_.file);
    if (saved) {
      saved_ = std::move(*saved);
    } else {
      sys::log_error(saved.error().what);
    }
    known_ = saved_.revision != 0;
    copy_ = std::make_unique<etcd::Copy>(
        *client_,
        settings_.prefix + "/",
        etcd::Copy::Calls{[this](const etcd::Copy::Values& values, std::int64_t revision) {
          take(values, revision);
        }}
    );
    thread_ = std::thread([this] { run(); });
  }
  ~EtcdStore() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    work_.notify_all();
    thread_.join();
    copy_.reset();
    if (lease_ != 0) (void)client_->revoke(lease_);  // others need not wait
  }
  EtcdStore(const EtcdStore&) = delete;
  EtcdStore& operator=(const EtcdStore&) = delete;

  [[nodiscard]] Values read() const override {
    const std::lock_guard lock(mutex_);
    Values out;
    for (const auto& [name, known] : saved_.known) out[name] = known.value;
    for (const auto& [name, own] : saved_.waiting) {
      if (own.value) {
        out[name] = *own.value;
      } else {
        out.erase(name);
      }
    }
    return out;
  }

  void write(const std::vector<Change>& changes) override {
    const std::lock_guard lock(mutex_);
    for (const Change& change : changes) {
      const auto known = saved_.known.find(change.name);
      const auto [own, fresh] = saved_.waiting.try_emplace(change.name);
      const auto done = done_.find(change.name);
      if (fresh) own->second.base = known == saved_.known.end() ? 0 : known->second.revision;
      if (done != done_.end()) own->second.base = own->second.value ? done->second : 0;
      own->second.value = change.value;
      if (done != done_.end()) done_.erase(done);
    }
    keep();
    work_.notify_all();
  }

  [[nodiscard]] Bases bases() const override {
    const std::lock_guard lock(mutex_);
    return bases_;
  }

  void store_base(const std::string& vip, BaseWrite write) override {
    const std::lock_guard lock(mutex_);
    base_writes_[vip] = std::move(write);
    work_.notify_all();
  }

  [[nodiscard]] State state() const override {
    const etcd::Copy::State copy = copy_ ? copy_->state() : etcd::Copy::State{};
    const std::lock_guard lock(mutex_);
    State out;
    out.known = known_;
    const std::string refused = refused_.empty() ? "" : refused_.begin()->second;
    out.trouble = !copy.following ? copy.trouble : trouble_.empty() ? refused : trouble_;
    out.away = !copy.following || !out.trouble.empty();
    out.revision = saved_.revision;
    out.waiting = saved_.waiting.size() - done_.size();
    out.dropped = dropped_;
    out.turn = turn_;
    return out;
  }

  void announce(const std::string& kind, const std::string& id, std::string value) override {
    const std::lock_guard lock(mutex_);
    own_key_ = settings_.prefix + "/" + kind + "/" + id;
    if (own_value_ != value) keep_at_ = {};
    announced_ = announced_ && own_value_ == value;
    own_value_ = std::move(value);
    work_.notify_all();
  }

  [[nodiscard]] std::vector<Member> members(const std::string& kind) const override {
    const std::string prefix = kind + "/";
    const std::lock_guard lock(mutex_);
    std::vector<Member> out;
    for (auto at = members_.lower_bound(prefix); at != members_.end(); ++at) {
      if (!at->first.starts_with(prefix)) break;
      out.push_back({at->first.substr(prefix.size()), at->second});
    }
    return out;
  }

 private:
  // --- the copy's thread ---
  void take(const etcd::Copy::Values& values, std::int64_t revision) {
    const std::string state = settings_.prefix + "/state/";
    std::map<std::string, Known> known;
    std::map<std::string, std::string> members;
    etcd::Range parts;
    for (const auto& [key, kv] : values) {
      if (!key.starts_with(state)) {
        std::string below = key.substr(settings_.prefix.size() + 1);
        if (!is_base_key(below)) members[std::move(below)] = kv.value;
        continue;
      }
      const std::string name = key.substr(state.size());
      if (name == kInParts || name.starts_with(std::string(kInParts) + ".part/")) {
        parts.values.push_back(kv);
      } else {
        known[name] = {kv.value, kv.mod_revision};
      }
    }
    Bases stored = bases_in(values, settings_.prefix, bases());
    const std::lock_guard lock(mutex_);
    bases_ = std::move(stored);
    put_together(parts, known);
    members_ = std::move(members);
    saved_.known = std::move(known);
    saved_.revision = revision;
    known_ = true;
    for (auto at = done_.begin(); at != done_.end();) {
      if (at->second > revision) {
        ++at;
        continue;
      }
      saved_.waiting.erase(at->first);
      at = done_.erase(at);
    }
    ++turn_;
    keep();
    settings_.changed();
  }

  // Parts that are not all there: of a write that goes on or was given up; the old value stays.
  void put_together(const etcd::Range& parts, std::map<std::string, Known>& known) {
    const std::string name(kInParts);
    const std::string key = settings_.prefix + "/state/" + name;
    const auto head = std::find_if(parts.values.begin(), parts.values.end(), [&](const auto& kv) {
      return kv.key == key;
    });
    if (head == parts.values.end()) return;
    const auto value = etcd::joined(key, parts);
    if (value && *value) {
      known[name] = {**value, head->mod_revision};
    } else if (const auto old = saved_.known.find(name); old != saved_.known.end()) {
      known[name] = old->second;
    }
  }

  void keep() {
    if (settings_.file.empty()) return;
    const auto done = save(settings_.file, saved_);
    if (!done) sys::log_error("the fleet's state is not saved: " + done.error().what);
  }

  // --- the writing thread ---
  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      const auto next = next_waiting();
      bool good = true;
      if (is_announcement_due()) {  // first: writes may be refused for hours
        good = keep_announced(lock);
      } else if (next != saved_.waiting.end() && known_) {
        good = carry_out(lock, next->first, next->second);
      } else if (!base_writes_.empty() && known_) {
        good = carry_out_base(lock);
      } else {
        work_.wait_for(lock, kAgain);
        continue;
      }
      if (good) {
        trouble_.clear();
      } else if (!stop_) {
        work_.wait_for(lock, kAgain);
      }
    }
  }

  /// After one that failed it is the next one's turn.
  std::map<std::string, Waiting>::iterator next_waiting() {
    const auto open = [this](const auto& own) { return done_.count(own.first) == 0; };
    auto& all = saved_.waiting;
    const auto next = std::find_if(all.upper_bound(failed_), all.end(), open);
    return next != all.end() ? next : std::find_if(all.begin(), all.end(), open);
  }

  // One that is refused is dropped: the leader looks at what is stored then.
  bool carry_out_base(std::unique_lock<std::mutex>& lock) {
    auto next = base_writes_.extract(base_writes_.begin());
    lock.unlock();
    const auto outcome = write_base(*client_, settings_.prefix, next.key(), next.mapped());
    lock.lock();
    if (outcome) {
      if (!outcome->done) sys::log_info("base layer is not stored, another came vip=" + next.key());
      return true;
    }
    trouble_ = outcome.error().what;
    if (outcome.error().code != base::ErrorCode::kUnavailable) {
      sys::log_error("base layer vip=" + next.key() + ": " + trouble_);
      return true;
    }
    base_writes_.insert(std::move(next));  // unless there is a newer one
    return false;
  }

  [[nodiscard]] bool is_announcement_due() const {
    return !own_key_.empty() && std::chrono::steady_clock::now() >= keep_at_;
  }

  /// False: etcd is away or refuses (full, no right, too many requests); it is to be tried again.
  bool carry_out(std::unique_lock<std::mutex>& lock, std::string name, Waiting own) {
    lock.unlock();
    auto outcome = commit(name, own);
    // A call that seemed to fail may have been carried out: then what is there is ours.
    bool same = false;
    if (outcome && !outcome->done) {
      const auto there = client_->list(settings_.prefix + "/state/" + name);
      if (!there) {
        outcome = tl::unexpected(there.error());
      } else {
        same = says(*there, name, own.value);
      }
    }
    lock.lock();
    if (!outcome) {
      put_off(name, outcome.error());
      return false;
    }
    refused_.erase(name);
    const auto now = saved_.waiting.find(name);
    if (now == saved_.waiting.end()) return true;
    if (!outcome->done && !same) return drop(name, "another one came before");
    if (now->second.value != own.value) {
      now->second.base = outcome->revision;  // written again meanwhile
    } else {
      done_[name] = outcome->revision;
      if (saved_.revision >= outcome->revision) {
        saved_.waiting.erase(name);
        done_.erase(name);
      }
    }
    return true;
  }

  base::Result<etcd::Outcome> commit(const std::string& name, const Waiting& own) {
    const std::string key = settings_.prefix + "/state/" + name;
    const std::vector<etcd::Guard> guards{{key, etcd::Guard::What::kModRevision, own.base}};
    if (!own.value) return client_->commit(guards, {{.key = key, .remove = true}});
    if (name != kInParts) return client_->commit(guards, {{.key = key, .value = *own.value}});
    return write_large(*client_, key, *own.value, guards);
  }

  [[nodiscard]] bool says(
      const etcd::Range& there, const std::string& name, const std::optional<std::string>& value
  ) const {
    const std::string key = settings_.prefix + "/state/" + name;
    if (name == kInParts) {
      const auto joined = etcd::joined(key, there);
      return joined && *joined == value;
    }
    for (const etcd::KeyValue& kv : there.values)
      if (kv.key == key) return value && kv.value == *value;
    return !value;
  }

  // What was answered with OK holds here until the fleet takes it, however long that is.
  void put_off(const std::string& name, const base::Error& why) {
    failed_ = name;
    if (why.code == base::ErrorCode::kUnavailable) {
      trouble_ = why.what;
    } else if (std::string& told = refused_[name]; told != why.what) {
      told = why.what;
      sys::log_error("the fleet does not take " + name + " yet, it holds here: " + why.what);
    }
  }

  bool drop(const std::string& name, const std::string& why) {
    sys::log_error("the fleet does not take " + name + ": " + why);
    saved_.waiting.erase(name);
    ++dropped_;
    ++turn_;
    keep();
    settings_.changed();
    return true;
  }

  bool keep_announced(std::unique_lock<std::mutex>& lock) {
    const std::string key = own_key_;
    const std::string value = own_value_;
    const bool again = announced_;
    lock.unlock();
    const auto done = again ? keep_alive() : put_announced(key, value);
    lock.lock();
    announced_ = done && *done && own_value_ == value;
    keep_at_ = std::chrono::steady_clock::now();
    if (!done) {
      trouble_ = done.error().what;
      keep_at_ += kAgain;
      return false;
    }
    if (announced_) keep_at_ += kKeepAlive;
    return true;
  }

  /// False: there is no such lease any more.
  base::Result<bool> keep_alive() {
    FL_ASSIGN(const etcd::Lease kept, client_->keep_alive(lease_));
    if (kept.ttl == 0) lease_ = 0;
    return kept.ttl != 0;
  }

  base::Result<bool> put_announced(const std::string& key, const std::string& value) {
    if (lease_ != 0) FL_TRY(keep_alive());
    if (lease_ == 0) {
      FL_ASSIGN(const etcd::Lease lease, client_->grant(kLease));
      lease_ = lease.id;
    }
    FL_TRY(client_->commit({}, {{.key = key, .value = value, .lease = lease_}}));
    return true;
  }

  const Settings settings_;
  std::unique_ptr<etcd::Client> client_;
  mutable std::mutex mutex_;  // guards all that follows up to lease_
  std::condition_variable work_;
  bool stop_ = false;
  bool known_ = false;
  Saved saved_;
  std::map<std::string, std::int64_t> done_;    // written; waiting until the copy has this revision
  std::map<std::string, std::string> members_;  // "nodes/lb1"
  Bases bases_;
  std::map<std::string, BaseWrite> base_writes_;  // not begun
  std::string trouble_;                           // etcd does not answer
  std::map<std::string, std::string> refused_;    // of saved_.waiting: why not yet
  std::string failed_;                            // of saved_.waiting, the last that failed
  std::uint64_t dropped_ = 0;
  std::uint64_t turn_ = 1;
  std::string own_key_;
  std::string own_value_;
  bool announced_ = false;  // as own_value_ says
  std::chrono::steady_clock::time_point keep_at_;
  std::int64_t lease_ = 0;  // the writing thread's
  std::unique_ptr<etcd::Copy> copy_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Store> Store::open(Settings settings) {
  return std::make_unique<EtcdStore>(std::move(settings));
}

}  // namespace fairlead::fleet
