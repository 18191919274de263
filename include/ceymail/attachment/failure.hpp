// SPDX-License-Identifier: MIT
// Failure: an exit code of sysexits(3) and a message with what failed, the cause and the remedy.
#pragma once

#include <expected>
#include <string>
#include <utility>

#include <sysexits.h>

#include "ceymail/util/result.hpp"

namespace ceymail::attachment {

struct Failure {
    int exit_code = 0;
    std::string message;
    bool after_edit = false;  // the site was changed and put back
};

template <class T>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> failed(int exit_code, std::string message) {
    return std::unexpected(Failure{exit_code, std::move(message)});
}

// Returns: EX_NOPERM for what is denied, else `exit_code`.
inline std::unexpected<Failure> failed(int exit_code, const util::Error& error) {
    return failed(error.kind == util::ErrorKind::denied ? EX_NOPERM : exit_code, error.message);
}

}  // namespace ceymail::attachment
