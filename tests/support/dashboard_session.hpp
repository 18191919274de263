// SPDX-License-Identifier: MIT
// Session cookies as CeyMail's dashboard makes them, and changes of them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace ceymail::testing {

inline constexpr const char* k_session_secret = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct DashboardSession {
    std::uint64_t user_id = 1;
    std::string username = "amal";
    std::string role = "admin";
    std::int64_t seconds_left = 8 * 3600;
    bool in_milliseconds = true;
    std::string secret = k_session_secret;

    [[nodiscard]] std::string json() const;
    [[nodiscard]] std::string value() const;   // of the cookie
    [[nodiscard]] std::string cookie() const;  // the Cookie header
};

// The value of a cookie with these claims, whatever they are.
[[nodiscard]] std::string signed_session(std::string_view json, std::string_view secret = k_session_secret);

// The part after the dot, for any text before it.
[[nodiscard]] std::string session_mac(std::string_view encoded, std::string_view secret = k_session_secret);

// Another text than `value`: one to three characters replaced, inserted, taken away or exchanged, or the end cut off.
// None of them is a ';', which would end the cookie.
[[nodiscard]] std::string changed_session(const std::string& value, std::mt19937& random);

}  // namespace ceymail::testing
