// SPDX-License-Identifier: BSD-3-Clause
// Revisions on disk: one file of text for each, one of JSON for what they mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "control/staging/staging.hh"
#include "dataplane/base/result.hh"

namespace fairlead::control {

/// <directory>/revision-N.yaml, pending.yaml and revisions.json, for the daemon's user alone (they
/// hold the hash key). Every file is written beside, synced and renamed; revisions.json comes last,
/// so that a crash at any moment leaves the old or the new state, and texts for all it names.
class RevisionStore {
 public:
  struct Loaded {
    staging::State state;
    std::string boot_id;  // of the host when it was saved: a trial's deadline means nothing after
  };

  explicit RevisionStore(std::string directory) : directory_(std::move(directory)) {}

  /// Makes the directory. A missing file is an empty state. Errors: kDataLoss for a damaged one, or
  /// one that names texts which are not there; those of the system.
  base::Result<Loaded> open();
  /// `text` belongs to the revision `next.in_force` if that is new, or to `next.pending` if that
  /// is. Removes texts that nothing names any more.
  base::Result<bool> save(
      const staging::State& before, const staging::State& next, const std::string& text
  );
  [[nodiscard]] base::Result<std::string> revision_text(std::uint64_t number) const;
  [[nodiscard]] base::Result<std::string> pending_text() const;
  [[nodiscard]] const std::string& directory() const { return directory_; }

 private:
  [[nodiscard]] std::string revision_path(std::uint64_t number) const;
  std::string directory_;
};

/// Of this boot of the host.
std::string boot_id();

/// Writes beside, syncs, renames. A file that is there keeps its owner and mode, and a symbolic
/// link keeps pointing at it; a new one gets `mode`. Errors: those of the system, with the path.
base::Result<bool> replace_file(
    const std::string& path, const std::string& text, unsigned mode = 0644
);
/// Whether replace_file() could do it: looks for what keeps a file from being replaced (a mount, as
/// containers make them of one file; chattr +i), makes the file beside and removes it again.
base::Result<bool> can_replace(const std::string& path);

}  // namespace fairlead::control
