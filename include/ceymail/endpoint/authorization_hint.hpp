// SPDX-License-Identifier: MIT
// AuthorizationHint: decides when to log that Apache may not pass the Authorization header on.
#pragma once

#include <chrono>
#include <string_view>

namespace ceymail::endpoint {

// A scrape more recent than this proves that the header is passed on.
inline constexpr std::chrono::minutes k_header_comes_through{5};

// Requests without a token are common, and a host on which scrapes succeed needs no hint. So the hint is given at most
// once per process, and only if no token was accepted lately.
// Threads: one per worker.
class AuthorizationHint {
public:
    // Call for a request without Authorization. `server_software` is SERVER_SOFTWARE.
    // Returns: true: log k_authorization_hint now.
    // Units: `now` and `last_accepted` are times since boot; `last_accepted` is zero before the first accepted token.
    [[nodiscard]] bool due(std::string_view server_software, std::chrono::nanoseconds now,
                           std::chrono::nanoseconds last_accepted) noexcept;

private:
    bool m_given = false;
};

inline constexpr std::string_view k_authorization_hint =
    "a request came without an Authorization header. If the scraper sends one, Apache keeps it to itself: set "
    "CGIPassAuth On where Apache passes the endpoint on, see ceymail-metrics(8)";

}  // namespace ceymail::endpoint
