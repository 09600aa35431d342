// SPDX-License-Identifier: BSD-3-Clause
// Names of error codes and the mapping from errno.
#include "dataplane/base/result.hh"

#include <cerrno>
#include <system_error>

namespace fairlead::base {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kFailedPrecondition:
      return "failed_precondition";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kResourceExhausted:
      return "resource_exhausted";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kDataLoss:
      return "data_loss";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

namespace {

ErrorCode code_of(int errno_value) {
  switch (errno_value) {
    case EACCES:
    case EPERM:
      return ErrorCode::kPermissionDenied;
    case ENOENT:
      return ErrorCode::kNotFound;
    case EEXIST:
      return ErrorCode::kAlreadyExists;
    case ENOMEM:
    case ENOSPC:
    case EMFILE:
      return ErrorCode::kResourceExhausted;
    case ECONNREFUSED:
    case ETIMEDOUT:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace

tl::unexpected<Error> system_error(std::string_view doing, int errno_value) {
  return fail(
      code_of(errno_value), std::string(doing) + ": " + std::system_category().message(errno_value)
  );
}

}  // namespace fairlead::base
