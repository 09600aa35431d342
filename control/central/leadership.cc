// SPDX-License-Identifier: BSD-3-Clause
// The election among monitors, and what the log says of it.
#include "control/central/leadership.hh"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>

#include "control/etcd/settings.hh"
#include "control/exchange/endpoint.hh"
#include "dataplane/sys/log.hh"
#include "dataplane/sys/unique_fd.hh"

namespace fairlead::central {
namespace {

constexpr int kConnectMs = 100;
// A member that died without a word must not cost the lease (2 s): the next one is asked in time.
constexpr base::Nanoseconds kCall = base::kSecond / 2;

bool is_any_address(const std::string& endpoint) {
  return endpoint.starts_with("0.0.0.0:") || endpoint.starts_with("[::]:");
}

}  // namespace

bool refuses_connections(const std::string& endpoint) {
  const auto at = exchange::Endpoint::parse(endpoint);
  if (!at) return false;
  const sys::UniqueFd fd(
      ::socket(at->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  );
  if (!fd.valid()) return false;
  if (::connect(fd.get(), at->get(), at->size) == 0) return false;
  if (errno != EINPROGRESS) return errno == ECONNREFUSED;
  pollfd wait{fd.get(), POLLOUT, 0};
  if (::poll(&wait, 1, kConnectMs) <= 0) return false;
  int error = 0;
  socklen_t size = sizeof error;
  (void)::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error == ECONNREFUSED;
}

base::Result<bool> Leadership::check(const config::Etcd& config, const std::string& advertise) {
  if (config.endpoints.empty()) return true;
  FL_TRY(etcd::settings_of(config));
  if (!is_any_address(advertise)) return true;
  return base::invalid(
      "command line: " + advertise +
      " is every address of this host, say with --advertise by which one others reach it"
  );
}

base::Result<std::unique_ptr<Leadership>> Leadership::start(
    const config::Etcd& config, const std::string& advertise, std::function<void()> changed
) {
  if (config.endpoints.empty()) return std::unique_ptr<Leadership>();
  FL_TRY(check(config, advertise));
  FL_ASSIGN(etcd::Settings settings, etcd::settings_of(config));
  settings.timeout = kCall;
  std::unique_ptr<Leadership> out(
      new Leadership(etcd::Client::make(std::move(settings)), advertise, std::move(changed))
  );
  out->begin(config.prefix);
  return out;
}

Leadership::Leadership(
    std::unique_ptr<etcd::Client> client, std::string advertise, std::function<void()> changed
)
    : client_(std::move(client)), advertise_(std::move(advertise)), changed_(std::move(changed)) {}

void Leadership::begin(const std::string& prefix) {
  election_ = std::make_unique<etcd::Election>(
      *client_,
      etcd::Election::Settings{.key = prefix + "/monitor", .value = advertise_},
      etcd::Election::Calls{
          refuses_connections, [this](const etcd::Election::State& now) { told(now); }}
  );
}

Leadership::View Leadership::look() const {
  const etcd::Election::State s = election_->state();
  return {s.leads, static_cast<std::uint64_t>(s.term)};
}

void Leadership::told(const etcd::Election::State& now) {
  if (!now.trouble.empty()) {
    if (!away_) sys::log_error("etcd is away, things stay as they are: " + now.trouble);
    away_ = true;
    return;
  }
  if (away_) sys::log_info("etcd is back");
  away_ = false;
  sys::log_info(
      std::string(now.leads ? "leads" : "follows leader=" + now.leader) +
      " term=" + std::to_string(now.term)
  );
  changed_();
}

}  // namespace fairlead::central
