// SPDX-License-Identifier: BSD-3-Clause
// Foreign text (paths, configuration, requests) on its way to a terminal or a log.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fairlead::base {

/// Bytes of foreign text that a message quotes, and bytes of a whole message.
inline constexpr std::size_t kMostQuoted = 60;
inline constexpr std::size_t kMostMessage = 1000;

/// Bytes of the UTF-8 character that `text` begins with; 0: it begins with none (RFC 3629).
/// Requires: not empty.
std::size_t character_bytes(std::string_view text);

/// `text` as one line that no terminal takes for a command: control bytes become \n, \t, \x1b;
/// those of Unicode (C1, invisible, text direction) and what is no UTF-8 too. The rest stays.
std::string printable(std::string_view text);

/// Foreign text inside a message, printable; longer than `most` bytes: its beginning and "...".
std::string excerpt(std::string_view text, std::size_t most = kMostQuoted);
/// The same in quotes: 'text', 'the beginning...'.
std::string quoted(std::string_view text, std::size_t most = kMostQuoted);

/// A whole message as it is shown: printable; of more than kMostMessage bytes the middle is left
/// out, because what is wrong stands at its beginning and what to do at its end.
std::string message(std::string_view text);

}  // namespace fairlead::base
