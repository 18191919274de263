// SPDX-License-Identifier: MIT
#include "ceymail/util/result.hpp"

#include <cerrno>
#include <cstring>

namespace ceymail::util {

ErrorKind kind_of_errno(int errno_value) noexcept {
    switch (errno_value) {
        case ENOENT:
        case ENOTDIR:
            return ErrorKind::not_found;
        case EACCES:
        case EPERM:
        case ELOOP:
            return ErrorKind::denied;
        case ETIMEDOUT:
            return ErrorKind::timed_out;
        case ECONNREFUSED:
        case ECONNRESET:
        case EPIPE:
        case ENOTCONN:
            return ErrorKind::unavailable;
        case EINVAL:
        case ENAMETOOLONG:
            return ErrorKind::invalid;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOSPC:
        case EDQUOT:
        case EAGAIN:
            return ErrorKind::exhausted;
        case EEXIST:
        case EADDRINUSE:
        case EBUSY:
            return ErrorKind::conflict;
        default:
            return ErrorKind::internal;
    }
}

std::unexpected<Error> fail_errno(int errno_value, std::string_view what, std::string_view remedy) {
    std::string message{what};
    message += ": ";
    char buffer[128];
    message += strerror_r(errno_value, buffer, sizeof buffer);  // that of glibc: returns the text; any thread
    if (!remedy.empty()) {
        message += "; ";
        message += remedy;
    }
    return fail(kind_of_errno(errno_value), std::move(message), errno_value);
}

}  // namespace ceymail::util
