// SPDX-License-Identifier: BSD-3-Clause
// Vips and backends by their addresses, and workers that are not there.
#pragma once

#include <string_view>

#include "control/api/request.hh"
#include "control/config/config.hh"

namespace fairlead::control {

/// A vip's name: `text` is that, or [PROTOCOL:]ADDRESS[/LENGTH][:PORT] with an IPv6 address in
/// brackets where a port follows; what is left out fits all. A text that is no address stays as it
/// is. Errors: kNotFound; kInvalidArgument where several vips fit, with their names.
base::Result<std::string> vip_named(const config::Config& config, const std::string& text);
/// A backend's id: `text` is that, or its address, as above.
base::Result<std::string> backend_named(const config::Config& config, const std::string& text);

/// The request with names in place of addresses. Error, kNotFound: a worker beyond `workers`.
base::Result<api::Request> with_names(
    const config::Config& config, std::size_t workers, api::Request request
);

}  // namespace fairlead::control
