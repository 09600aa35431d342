// SPDX-License-Identifier: BSD-3-Clause
// fairlead: the operator's client. One-shot, batch or interactive.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <unistd.h>

#include "control/cli/batch.hh"
#include "control/cli/interactive.hh"
#include "control/cli/options.hh"
#include "control/cli/reference.hh"
#include "dataplane/sys/report.hh"

namespace {

using namespace fairlead;

int fail(const base::Error& error) {
  sys::tell("fairlead", error.what);
  return cli::status_of(error);
}

int run_words(cli::Session& session, const std::vector<std::string>& words) {
  const auto tokens = cli::tokens_of(words);
  if (!tokens) return fail(tokens.error());
  if (tokens->empty()) return fail(base::invalid("empty command; fairlead help lists all").value());
  const auto next = session.run(*tokens);
  return next ? 0 : fail(next.error());
}

int run(const cli::Options& options) {
  cli::Session session(options.settings, stdout);
  switch (options.mode) {
    case cli::Mode::kHelp:
      std::fputs((cli::usage() + *cli::help_text("")).c_str(), stdout);
      return 0;
    case cli::Mode::kVersion:
      std::puts("fairlead " FL_VERSION);
      return 0;
    case cli::Mode::kReference:
      std::fputs(cli::reference_markdown().c_str(), stdout);
      return 0;
    case cli::Mode::kManual:
      std::fputs(cli::manual_page().c_str(), stdout);
      return 0;
    case cli::Mode::kRun:
      break;
  }
  if (!options.words.empty()) return run_words(session, options.words);
  if (!options.file.empty()) {
    return cli::run_batch_file(session, options.file, options.after, stderr);
  }
  if (isatty(STDIN_FILENO) == 1) return cli::run_interactive(session);
  return cli::run_batch(session, stdin, "stdin", options.after, stderr);
}

}  // namespace

int main(int argc, char** argv) {
  const char* socket = std::getenv("FAIRLEAD_SOCKET");  // NOLINT(concurrency-mt-unsafe)
  const auto options = cli::parse_options({argv + 1, argv + argc}, socket ? socket : "");
  return options ? run(*options) : fail(options.error());
}
