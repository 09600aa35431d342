// SPDX-License-Identifier: BSD-3-Clause
// Parts with names of their own, renamed at the end.
#include "dataplane/sys/output_file.hh"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fairlead::sys {
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

bool same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  if (std::filesystem::equivalent(a, b, error)) return true;
  const auto canonical =
      std::filesystem::weakly_canonical(std::filesystem::absolute(a, error), error);
  const auto other = std::filesystem::weakly_canonical(std::filesystem::absolute(b, error), error);
  return !error && canonical == other;
}

bool replaceable(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) ||
         S_ISDIR(info.st_mode);  // a folder is refused where the file is staged
}

std::string named(const NamedFile& file) {
  return std::string(file.option) + " " + file.path;
}

/// The place was chosen by the caller, who can choose another; not so where the system is out of
/// something.
tl::unexpected<base::Error> unwritable(const std::string& path, int error) {
  auto told = base::system_error(path + ": cannot be written", error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return told;
    default: {
      const bool denied = (error == EACCES || error == EPERM) && ::geteuid() != 0;
      return base::invalid(
          told.value().what + "; choose another place" + (denied ? " or run as root" : "")
      );
    }
  }
}

}  // namespace

base::Result<void> check_outputs(
    std::span<const NamedFile> outputs, std::span<const NamedFile> inputs
) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const NamedFile& output = outputs[i];
    if (output.path.empty()) continue;
    if (!replaceable(output.path)) {
      return base::invalid(
          named(output) + ": is not a regular file and would be replaced; choose another output"
      );
    }
    for (const NamedFile& input : inputs) {
      if (input.path.empty() || !same_file(output.path, input.path)) continue;
      return base::invalid(
          named(output) + ": same file as " + std::string(input.option) +
          ", would overwrite it; choose another output"
      );
    }
    for (const NamedFile& other : outputs.first(i)) {
      if (other.path.empty() || !same_file(output.path, other.path)) continue;
      return base::invalid(
          named(output) + ": same file as " + std::string(other.option) + "; choose another output"
      );
    }
  }
  return {};
}

base::Result<OutputFile> OutputFile::stage(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return base::invalid(path + ": is a folder; give a file name");
  }
  if (path.empty() || path.back() == '/') {
    return base::invalid(path + ": is no file name; choose another place");
  }
  // O_EXCL: whatever has this name already is somebody's, perhaps an input.
  std::string part;
  int fd = -1;
  for (unsigned attempt = 0; fd < 0 && attempt < 100; ++attempt) {
    part = path + ".part" + std::to_string(::getpid()) +
           (attempt == 0 ? "" : "." + std::to_string(attempt));
    fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno != EEXIST) return unwritable(path, errno);
  }
  std::FILE* file = fd < 0 ? nullptr : ::fdopen(fd, "wb");
  if (file == nullptr) return unwritable(path, errno);
  std::setvbuf(file, nullptr, _IOFBF, kBufferBytes);
  return OutputFile(path, std::move(part), file);
}

OutputFile::OutputFile(std::string path, std::string part, std::FILE* file)
    : path_(std::move(path)), part_(std::move(part)), file_(file) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      file_(std::exchange(other.file_, nullptr)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  if (this == &other) return *this;
  discard();
  path_ = std::move(other.path_);
  part_ = std::move(other.part_);
  file_ = std::exchange(other.file_, nullptr);
  return *this;
}

OutputFile::~OutputFile() {
  discard();
}

void OutputFile::discard() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  ::unlink(part_.c_str());
}

base::Result<void> OutputFile::commit() {
  std::FILE* file = std::exchange(file_, nullptr);
  const bool failed = std::fflush(file) != 0 || std::ferror(file) != 0;
  const int error = errno;
  const bool close_failed = std::fclose(file) != 0;
  if (failed || close_failed || ::rename(part_.c_str(), path_.c_str()) != 0) {
    const int why = failed ? error : errno;
    ::unlink(part_.c_str());
    return base::system_error("write " + path_, why);
  }
  return {};
}

base::Result<OutputFolder> OutputFolder::make(const std::string& path) {
  OutputFolder folder;
  for (std::size_t at = 1; at <= path.size(); ++at) {
    if (at < path.size() && path[at] != '/') continue;
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0755) == 0) {
      folder.made_.push_back(part);
    } else if (errno != EEXIST) {
      return unwritable(path, errno);
    }
  }
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return unwritable(path, errno);
  if (!S_ISDIR(info.st_mode)) {
    return base::invalid(path + ": is not a folder; choose another place");
  }
  return folder;
}

OutputFolder::~OutputFolder() {
  for (auto part = made_.rbegin(); part != made_.rend(); ++part) ::rmdir(part->c_str());
}

}  // namespace fairlead::sys
