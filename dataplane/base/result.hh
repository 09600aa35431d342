// SPDX-License-Identifier: BSD-3-Clause
// Errors as values: what failed, on which object, and what the operator can do about it.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace fairlead::base {

enum class ErrorCode {
  kInvalidArgument,  // bad input: configuration, command line, file; exit status 2
  kNotFound,
  kAlreadyExists,
  kFailedPrecondition,  // right request, wrong moment or machine state
  kPermissionDenied,
  kResourceExhausted,  // hugepages, table space, descriptors
  kUnavailable,        // a peer process or host does not answer
  kDataLoss,           // a file or region is damaged
  kInternal,
};

/// Lower-case words as the API shows them, e.g. "invalid_argument".
std::string_view to_string(ErrorCode code);

/// `what` is one sentence without a line break: which object, what is wrong, what to do.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string what;
};

template <typename T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string what) {
  return tl::unexpected<Error>(Error{code, std::move(what)});
}

/// Bad input, by far the commonest error.
inline tl::unexpected<Error> invalid(std::string what) {
  return fail(ErrorCode::kInvalidArgument, std::move(what));
}

/// An error of the operating system: `doing` plus strerror(errno_value); EACCES, EPERM, ENOENT,
/// EEXIST and ENOMEM map to their codes.
tl::unexpected<Error> system_error(std::string_view doing, int errno_value);

/// The same error with context in front: "load config/control.yaml: ...".
inline tl::unexpected<Error> annotate(std::string_view context, Error error) {
  error.what = std::string(context) + ": " + error.what;
  return tl::unexpected<Error>(std::move(error));
}

/// Exit status a process ends with: 2 for bad input, 1 for everything else.
inline int exit_status(const Error& error) {
  return error.code == ErrorCode::kInvalidArgument ? 2 : 1;
}

}  // namespace fairlead::base

#define FL_CONCAT_INNER(a, b) a##b
#define FL_CONCAT(a, b) FL_CONCAT_INNER(a, b)

/// Returns the error of a Result from the current function; ignores the value.
#define FL_TRY(expression)                                                             \
  if (auto FL_CONCAT(fl_try_, __LINE__) = (expression); !FL_CONCAT(fl_try_, __LINE__)) \
  return tl::unexpected<::fairlead::base::Error>(std::move(FL_CONCAT(fl_try_, __LINE__).error()))

/// `FL_ASSIGN(auto fd, open_file(path));` declares fd, or returns the error.
#define FL_ASSIGN(declaration, expression)                                                         \
  auto FL_CONCAT(fl_try_, __LINE__) = (expression);                                                \
  if (!FL_CONCAT(fl_try_, __LINE__))                                                               \
    return tl::unexpected<::fairlead::base::Error>(std::move(FL_CONCAT(fl_try_, __LINE__).error()) \
    );                                                                                             \
  declaration = std::move(*FL_CONCAT(fl_try_, __LINE__))
