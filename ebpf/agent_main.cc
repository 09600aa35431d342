// SPDX-License-Identifier: BSD-3-Clause
// fairlead-agent: reads its configuration, runs until SIGTERM or SIGINT, leaves gracefully.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>

#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <curl/curl.h>

#include "dataplane/base/printable.hh"
#include "dataplane/console.hh"
#include "dataplane/sys/interface.hh"
#include "dataplane/sys/output_file.hh"
#include "dataplane/sys/report.hh"
#include "dataplane/sys/system_clock.hh"
#include "dataplane/sys/watchdog.hh"
#include "ebpf/agent.hh"

namespace {

using namespace fairlead;

constexpr base::Nanoseconds kLeaveEvery = 200 * base::kMillisecond;
// One answer of "no flows" may be older than a connection that is on its way: nodes need some
// milliseconds to publish tables without us. The program stays until a second round says so too.
constexpr int kQuietRounds = 2;

int report(const base::Error& error) {
  return sys::report("fairlead-agent", error);
}

/// SIGTERM and SIGINT as a descriptor; blocks them in all threads made later.
sys::UniqueFd ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return sys::UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

bool take_signal(int fd) {
  signalfd_siginfo info;
  return ::read(fd, &info, sizeof info) == sizeof info;
}

int until(base::Nanoseconds then) {
  const base::Nanoseconds now = sys::monotonic_ns();
  return then <= now ? 0 : static_cast<int>((then - now) / base::kMillisecond) + 1;
}

/// Reports every interval until a signal comes.
void serve(agent::Agent& agent, dataplane::Console& console, sys::Watchdog& watchdog, int signals) {
  base::Nanoseconds next = sys::monotonic_ns();
  for (;;) {
    const base::Nanoseconds now = sys::monotonic_ns();
    watchdog.alive(now);
    if (now >= next) {
      agent.report();
      next += agent.config().report_interval;
      if (next < now) next = now;  // after a pause: no bunch of late reports
    }
    if (console.wait(until(next), signals) && take_signal(signals)) return;
  }
}

/// Asks for no new connections and waits for the open ones, until the deadline or a second signal.
void leave(agent::Agent& agent, dataplane::Console& console, sys::Watchdog& watchdog, int signals) {
  const base::Nanoseconds deadline = sys::monotonic_ns() + agent.config().leave_deadline;
  int quiet = 0;
  for (;;) {
    agent.report();
    const auto flows = agent.leave();
    quiet = flows == 0 ? quiet + 1 : 0;
    const base::Nanoseconds now = sys::monotonic_ns();
    watchdog.alive(now);
    std::fprintf(
        stderr, "fairlead-agent: leaving flows=%llu\n", static_cast<unsigned long long>(flows)
    );
    if (quiet == kQuietRounds || now >= deadline) return;
    const base::Nanoseconds next = std::min(deadline, now + kLeaveEvery);
    while (sys::monotonic_ns() < next) {
      if (console.wait(until(next), signals) && take_signal(signals)) return;
    }
  }
}

base::Result<void> run(agent::AgentConfig config) {
  const sys::UniqueFd signals = ending_signals();
  if (!config.nodes.empty()) FL_TRY(sys::require_interface(config.interface_at, config.interface));
  // Goes away again if this agent does not come to run.
  auto folder = sys::OutputFolder::make(config.runtime_dir);
  if (!folder) return base::annotate("runtime_dir", folder.error());
  const std::string socket = config.runtime_dir + "/agent.sock";

  // The socket first: a second agent for the same backend ends here, before it touches the program.
  std::unique_ptr<agent::Agent> agent;
  FL_ASSIGN(
      auto console,
      dataplane::Console::listen(
          socket,
          [&agent](const std::string& command, const nlohmann::json& arguments) {
            return agent->answer(command, arguments);
          }
      )
  );
  FL_ASSIGN(agent, agent::Agent::start(std::move(config)));
  folder->keep();
  std::fprintf(stderr, "fairlead-agent: ready backend=%s\n", agent->config().backend.c_str());
  sys::Watchdog watchdog;
  watchdog.ready();
  serve(*agent, console, watchdog, signals.get());
  leave(*agent, console, watchdog, signals.get());
  return agent->detach();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Fairlead's agent on a backend: decapsulates, reports load, leaves gracefully");
  std::string path;
  bool check = false;
  app.add_option("--config", path, "configuration file (YAML, see config/agent.yaml)");
  app.add_flag("--check", check, "read the configuration, say whether it is good, and end");
  app.set_version_flag("--version", "fairlead-agent " FL_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    return report(
        base::invalid("command line: " + base::excerpt(e.what(), 300) + "; see --help").value()
    );
  }
  if (path.empty()) {
    return report(
        base::invalid(
            "command line: --config is missing: give the configuration file, e.g. --config "
            "config/agent.yaml"
        )
            .value()
    );
  }
  auto config = agent::load_agent_config(path);
  if (!config) return report(config.error());
  if (check) return 0;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (const auto result = run(std::move(*config)); !result) return report(result.error());
  return 0;
}
