// SPDX-License-Identifier: BSD-3-Clause
// The pages of the commands: which fields of a reply are shown, and how.
#pragma once

#include "control/cli/page.hh"
#include "control/cli/parse.hh"

namespace fairlead::cli {

/// The page of a reply to `call`. A field that is missing or of another type shows as "-": a page
/// never fails, whatever the daemon sent.
Page page_of(const Call& call, const Json& result);

/// The pages that are more than tables; used by page_of.
Page lookup_page(const Call& call, const Json& result);
Page done_page(const Call& call, const Json& result);

/// What all processes say about their memory: {"control": ..., "dataplane": ..., "cli": ...}, each
/// a `show memory` result or {"error": "..."}.
Page memory_page(const Json& result);

}  // namespace fairlead::cli
