// SPDX-License-Identifier: BSD-3-Clause
// Line by line, with the place of the first mistake.
#include "control/cli/batch.hh"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <memory>
#include <system_error>

#include <sys/stat.h>

namespace fairlead::cli {
namespace {

constexpr std::size_t kLongestLine = 64U << 10;

using Action = std::function<base::Result<Next>(const std::vector<Token>&)>;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }  // NOLINT(cert-err33-c): read only
};
using File = std::unique_ptr<std::FILE, CloseFile>;

base::Result<Next> run_line(const std::string& line, const Action& action) {
  if (line.size() > kLongestLine) return base::invalid("line is longer than 64 KiB");
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
  char* buffer = nullptr;
  std::size_t capacity = 0;
  unsigned number = 0;
  for (;;) {
    const ssize_t length = getline(&buffer, &capacity, in);
    if (length < 0) break;
    ++number;
    const auto next = run_line(std::string(buffer, static_cast<std::size_t>(length)), action);
    if (next && *next == Next::kQuit) break;
    if (next) continue;
    std::fprintf(errors, "%s:%u: %s\n", name.c_str(), number, next.error().what.c_str());
    status = std::max(status, status_of(next.error()));
    if (after == AfterError::kStop) break;
  }
  std::free(buffer);  // NOLINT: getline's
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

int run_batch_file(Session& session, const std::string& path, AfterError after, std::FILE* errors) {
  if (path == "-") return run_batch(session, stdin, "stdin", after, errors);
  const File file(std::fopen(path.c_str(), "re"));
  struct stat status {};
  const bool open = file && fstat(fileno(file.get()), &status) == 0;
  if (!open || S_ISDIR(status.st_mode)) {
    const int error = open ? EISDIR : errno;
    const std::string why = std::system_category().message(error);
    std::fprintf(errors, "fairlead: cannot read %s: %s\n", path.c_str(), why.c_str());
    return 2;
  }
  if (after == AfterError::kStop && S_ISREG(status.st_mode)) {
    const auto check = [](const std::vector<Token>& tokens) -> base::Result<Next> {
      FL_TRY(parse(tokens));
      return Next::kGoOn;
    };
    const int wrong = each_line(file.get(), path, after, errors, check);
    if (wrong != 0) return wrong;
    std::rewind(file.get());
  }
  return run_batch(session, file.get(), path, after, errors);
}

}  // namespace fairlead::cli
