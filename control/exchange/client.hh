// SPDX-License-Identifier: BSD-3-Clause
// The node's side of the exchange of counts: one thread that sends what is in flight here and
// writes what is in flight elsewhere into the scores region, where both planes read it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "control/exchange/endpoint.hh"
#include "control/exchange/mirror.hh"
#include "dataplane/base/result.hh"
#include "dataplane/steer/abi.h"
#include "dataplane/sys/unique_fd.hh"
#include "dataplane/sys/urgent.hh"

namespace fairlead::exchange {

/// While it exists it alone writes fl_score.external: of each worker what is in flight through the
/// node's other workers and, where it is worth using (worth.hh), through other nodes.
class Client {
 public:
  struct Settings {
    std::vector<std::string> monitors;  // "ADDRESS:PORT"
    std::string node;                   // id
    std::array<std::uint64_t, 2> fleet_key{};
    base::Nanoseconds interval = 0;
  };
  /// The regions outlive the client. Errors: a monitor that is no address.
  static base::Result<std::unique_ptr<Client>> start(
      const Settings& settings, const fl_workers& workers, fl_scores& scores
  );
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  struct Place {
    std::string backend;
    std::uint32_t number = 0;  // in the regions
    friend bool operator==(const Place&, const Place&) = default;
  };
  // --- any thread ---
  /// The backends of the node, by rising id. Where only numbers change the exchange goes on.
  void set_backends(std::vector<Place> places);
  [[nodiscard]] Mirror::State state() const;
  [[nodiscard]] bool fresh() const { return fresh_.load(std::memory_order_relaxed); }
  /// Others' counts are in the scores, and nodes are enough for c to be used (parallel_is_used()).
  [[nodiscard]] bool used_of_many() const { return many_.load(std::memory_order_relaxed); }
  /// In flight through other nodes at a backend; 0 where nothing is known of it.
  [[nodiscard]] std::uint32_t elsewhere(std::uint32_t number) const;
  /// Bytes of datagrams that came, all monitors.
  [[nodiscard]] std::uint64_t bytes_received() const { return bytes_.load(); }

 private:
  struct Peer {
    Endpoint at;
    sys::UniqueFd fd;
    base::Nanoseconds try_again = 0;
  };
  Client(const Settings& settings, const fl_workers& workers, fl_scores& scores);
  void run();
  void round(base::Nanoseconds now);
  void look();
  void wait(base::Nanoseconds until);
  void receive(std::size_t peer);
  void send(Peer& peer, const Datagram& datagram);
  void write_external(base::Nanoseconds now);

  Key key_;
  base::Nanoseconds interval_;
  const fl_workers& workers_;
  fl_scores& scores_;
  std::vector<Peer> peers_;
  std::vector<std::byte> bytes_out_;
  mutable sys::UrgentMutex mutex_;
  Mirror mirror_;  // guarded by mutex_, and the next three
  std::vector<Place> places_;
  std::vector<std::uint32_t> counts_;            // at the last look, by place
  std::vector<std::vector<std::uint32_t>> own_;  // of each worker, then
  std::atomic<bool> fresh_{false};
  std::atomic<bool> many_{false};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;  // the last member
};

}  // namespace fairlead::exchange
