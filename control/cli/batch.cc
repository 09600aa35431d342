// SPDX-License-Identifier: BSD-3-Clause
// Line by line, with the place of the first mistake.
#include "control/cli/batch.hh"

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <system_error>

#include <sys/stat.h>

#include "dataplane/base/printable.hh"

namespace fairlead::cli {
namespace {

constexpr std::size_t kLongestLine = 64U << 10;

using Action = std::function<base::Result<Next>(const std::vector<Token>&)>;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }  // NOLINT(cert-err33-c): read only
};
using File = std::unique_ptr<std::FILE, CloseFile>;

/// The next line with its end; "" after the last one. Never holds more than the longest line that
/// may be: a device or a binary file may have no line ends at all.
base::Result<std::string> next_line(std::FILE* in) {
  std::string line;
  for (int c = 0; c != '\n' && (c = getc_unlocked(in)) != EOF;) {
    line += static_cast<char>(c);
    if (line.size() > kLongestLine) {
      return base::invalid("line is longer than 64 KiB, this is no file of commands");
    }
  }
  if (std::ferror(in) != 0) {
    return base::invalid("cannot read on: " + std::system_category().message(errno));
  }
  return line;
}

base::Result<Next> run_line(const std::string& line, const Action& action) {
  if (line.find('\0') != std::string::npos) return base::invalid("line has a zero byte");
  FL_ASSIGN(const std::vector<Token> tokens, tokenize(line));
  return action(tokens);
}

int each_line(
    std::FILE* in,
    const std::string& name,
    AfterError after,
    std::FILE* errors,
    const Action& action
) {
  int status = 0;
  const auto tell = [&](unsigned number, const base::Error& error) {
    const std::string text = name + ":" + std::to_string(number) + ": " + error.what;
    std::fprintf(errors, "%s\n", base::message(text).c_str());
    status = std::max(status, status_of(error));
  };
  for (unsigned number = 1;; ++number) {
    const auto line = next_line(in);
    if (!line) {
      tell(number, line.error());
      break;
    }
    if (line->empty()) break;
    const auto next = run_line(*line, action);
    if (next && *next == Next::kQuit) break;
    if (next) continue;
    tell(number, next.error());
    if (after == AfterError::kStop) break;
  }
  return status;
}

}  // namespace

int run_batch(
    Session& session, std::FILE* in, const std::string& name, AfterError after, std::FILE* errors
) {
  return each_line(in, name, after, errors, [&session](const std::vector<Token>& tokens) {
    return session.run(tokens);
  });
}

int run_batch_file(
    Session& session,
    const std::string& path,
    AfterError after,
    std::FILE* errors,
    const std::string& before
) {
  const auto whole = [&before](std::vector<Token> tokens) {
    if (!before.empty() && !tokens.empty()) tokens.insert(tokens.begin(), Token{before});
    return tokens;
  };
  const auto run = [&](const std::vector<Token>& tokens) { return session.run(whole(tokens)); };
  if (path == "-") return each_line(stdin, "stdin", after, errors, run);
  const File file(std::fopen(path.c_str(), "re"));
  struct stat status {};
  const bool open = file && fstat(fileno(file.get()), &status) == 0;
  if (!open || S_ISDIR(status.st_mode)) {
    const int error = open ? EISDIR : errno;
    const std::string why = path + ": " + std::system_category().message(error);
    std::fprintf(errors, "fairlead: cannot read %s\n", base::message(why).c_str());
    return 2;
  }
  if (after == AfterError::kStop && S_ISREG(status.st_mode)) {
    const auto check = [&whole](const std::vector<Token>& tokens) -> base::Result<Next> {
      FL_TRY(parse(whole(tokens)));
      return Next::kGoOn;
    };
    const int wrong = each_line(file.get(), path, after, errors, check);
    if (wrong != 0) return wrong;
    std::rewind(file.get());
  }
  return each_line(file.get(), path, after, errors, run);
}

}  // namespace fairlead::cli
