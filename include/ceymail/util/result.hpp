// SPDX-License-Identifier: MIT
// util: what all rooms use: results, descriptors, files, clocks, the log, hashes and locks.
// Process: all of them.
// Touches: what its caller passes.
// Attackers: none of its own; each header states what it accepts.
//
// Result<T>: a value, or an Error that names the object, the cause and the remedy.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace ceymail::util {

// What a caller may branch on. The text in Error::message is for people and may change.
enum class ErrorKind {
    not_found,    // it does not exist
    denied,       // permission
    timed_out,    // a deadline passed
    unavailable,  // the peer cannot be reached or returns an error
    invalid,      // malformed input
    exhausted,    // a fixed resource is full (table, descriptors, memory, disk)
    conflict,     // exists already, or is locked
    internal,     // a bug or an impossible state
};

struct Error {
    ErrorKind kind = ErrorKind::internal;
    int code = 0;         // errno or a database error number; 0: none
    std::string message;  // "cannot read X: cause; remedy", no secret, no trailing full stop
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorKind kind, std::string message, int code = 0) {
    return std::unexpected(Error{kind, code, std::move(message)});
}

// Returns: the kind of an errno value.
[[nodiscard]] ErrorKind kind_of_errno(int errno_value) noexcept;

// Returns: an error with the message "what: strerror(errno_value)", and "; remedy" if there is one.
[[nodiscard]] std::unexpected<Error> fail_errno(int errno_value, std::string_view what, std::string_view remedy = {});

}  // namespace ceymail::util

// Forward an error to the caller, whose return type is a Result.
//   CEYMAIL_TRY(expression)                   the value is not used
//   CEYMAIL_TRY_ASSIGN(auto name, expression) `name` is initialized with the value
#define CEYMAIL_JOIN_(a, b) a##b
#define CEYMAIL_JOIN(a, b) CEYMAIL_JOIN_(a, b)
#define CEYMAIL_TRY(...) \
    if (auto ceymail_done = (__VA_ARGS__); !ceymail_done) return std::unexpected(std::move(ceymail_done.error()))
#define CEYMAIL_TRY_ASSIGN(declaration, ...)                                                \
    auto CEYMAIL_JOIN(ceymail_result_, __LINE__) = (__VA_ARGS__);                           \
    if (!CEYMAIL_JOIN(ceymail_result_, __LINE__))                                           \
        return std::unexpected(std::move(CEYMAIL_JOIN(ceymail_result_, __LINE__).error())); \
    declaration = std::move(*CEYMAIL_JOIN(ceymail_result_, __LINE__))
