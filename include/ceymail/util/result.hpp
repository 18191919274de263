// SPDX-License-Identifier: MIT
// Result<T>: a value, or an Error that names the thing, the cause and the remedy.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace ceymail::util {

// What a caller may branch on. The words in Error::message are for people and may change.
enum class ErrorKind {
    not_found,    // the thing is not there, and that is no accident
    denied,       // permission
    timed_out,    // a deadline of ours passed
    unavailable,  // the other side cannot be reached or answers with an error of its own
    invalid,      // input that does not have the form it must have
    exhausted,    // a fixed resource is full (table, descriptors, memory, disk)
    conflict,     // somebody else was first (exists already, locked)
    internal,     // a bug or a state that should not be
};

struct Error {
    ErrorKind kind = ErrorKind::internal;
    int code = 0;         // errno or a database error number; 0 where there is none
    std::string message;  // "cannot read X: cause; remedy", no secret, no trailing full stop
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorKind kind, std::string message, int code = 0) {
    return std::unexpected(Error{kind, code, std::move(message)});
}

// The kind that an errno value belongs to.
[[nodiscard]] ErrorKind kind_of_errno(int errno_value) noexcept;

// "what: strerror(errno_value)", with the remedy behind a semicolon where one is given.
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
