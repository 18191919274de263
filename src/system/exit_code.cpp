// SPDX-License-Identifier: MIT
#include "ceymail/system/exit_code.hpp"

#include <cstdio>
#include <exception>

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

int run_program(std::string_view name, const std::function<util::Result<int>()>& body) try {
    util::set_log_identity(name);
    const auto code = body();
    if (code) return *code;
    util::log(util::LogLevel::error, code.error().message);
    return EX_USAGE;
} catch (const std::exception& problem) {
    util::log(util::LogLevel::error, problem.what());
    return EX_SOFTWARE;
}

int print(std::string_view text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    return std::fflush(stdout) == 0 && written ? EX_OK : EX_IOERR;
}

}  // namespace ceymail::system
