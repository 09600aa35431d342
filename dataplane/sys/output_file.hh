// SPDX-License-Identifier: BSD-3-Clause
// Files that somebody named as output: nothing of a run that fails stays, and what was there before
// stays then.
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.hh"

namespace fairlead::sys {

/// A path and the option that named it ("--out").
struct NamedFile {
  std::string_view option;
  std::string path;  // empty: not given
};

/// Before anything is written: refuses an output that is no regular file (it would be replaced, so
/// devices, pipes and links would be lost), that is an input, or that is another output, however
/// they are spelled. Errors: bad input.
base::Result<void> check_outputs(
    std::span<const NamedFile> outputs, std::span<const NamedFile> inputs
);

/// A file that is written beside its place and appears there whole, by commit(). One thread.
class OutputFile {
 public:
  /// Errors (bad input, but for a full disk and the like): the place cannot be written to.
  static base::Result<OutputFile> stage(const std::string& path);
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  ~OutputFile();  // without commit(): nothing stays

  /// To write to; errors of writing are told by commit().
  [[nodiscard]] std::FILE* file() const { return file_; }
  base::Result<void> commit();

 private:
  OutputFile(std::string path, std::string part, std::FILE* file);
  void discard();
  std::string path_;
  std::string part_;
  std::FILE* file_;
};

/// A folder for outputs (or of a daemon that may not come to run), made with those above it where
/// they are missing. Goes away again, if it is empty, unless keep() is called.
class OutputFolder {
 public:
  static base::Result<OutputFolder> make(const std::string& path);
  OutputFolder(OutputFolder&& other) noexcept = default;
  OutputFolder& operator=(OutputFolder&&) = delete;
  ~OutputFolder();
  void keep() { made_.clear(); }

 private:
  OutputFolder() = default;
  std::vector<std::string> made_;  // outermost first
};

}  // namespace fairlead::sys
