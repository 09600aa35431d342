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

Page status_page(const Json& result);
Page flow_page(const Call& call, const Json& result);
/// The fleet's part of `show status`, where the node has one.
void add_fleet(const Json& result, Page& page);
Page nodes_page(const Json& result);
Page digest_page(const Json& result);
Page vip_stats_page(const Json& result);
/// Workers in rows, or one with all that it counts.
Page core_page(const Json& result);
Page table_diff_page(const Json& result);
/// A table of the flow events [{event, count, text}] that happened, if any did.
void add_flow_events(const Json& events, Page& page);

/// Wall clock in seconds, as "2026-11-26 15:00:00Z"; "-" for 0.
std::string utc_text(std::int64_t seconds);

/// Member `key` of an object if it is there and of the type of `otherwise`; the member that is a
/// list.
Json part(const Json& object, const char* key, Json otherwise);
Json rows(const Json& result, const char* key);

/// What all processes say about their memory: {"control": ..., "dataplane": ..., "cli": ...}, each
/// a `show memory` result or {"error": "..."}.
Page memory_page(const Json& result);

}  // namespace fairlead::cli
