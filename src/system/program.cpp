// SPDX-License-Identifier: MIT
#include "ceymail/system/program.hpp"

#include <cstdio>
#include <exception>

#include <sysexits.h>

#include "ceymail/util/log.hpp"

namespace ceymail::system {

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
