// SPDX-License-Identifier: MIT
#include "ceymail/system/exit_code.hpp"

#include <sysexits.h>

#include "ceymail/util/log.hpp"

namespace ceymail::system {

int exit_code_of(util::ErrorKind kind) noexcept {
    using util::ErrorKind;
    switch (kind) {
        case ErrorKind::not_found:
        case ErrorKind::invalid:
            return EX_CONFIG;
        case ErrorKind::denied:
            return EX_NOPERM;
        case ErrorKind::timed_out:
            return EX_TEMPFAIL;
        case ErrorKind::unavailable:
        case ErrorKind::conflict:
            return EX_UNAVAILABLE;
        case ErrorKind::exhausted:
            return EX_OSERR;
        case ErrorKind::internal:
            break;
    }
    return EX_SOFTWARE;
}

int log_and_exit_code(const util::Error& error) noexcept {
    util::log(util::LogLevel::error, error.message);
    return exit_code_of(error.kind);
}

}  // namespace ceymail::system
