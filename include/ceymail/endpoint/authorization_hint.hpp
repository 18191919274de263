// SPDX-License-Identifier: MIT
// AuthorizationHint: whether to tell the administrator that Apache may be keeping the Authorization header to itself.
#pragma once

#include <chrono>
#include <string_view>

namespace ceymail::endpoint {

// A scrape more recent than this shows that the header comes through.
inline constexpr std::chrono::minutes k_header_comes_through{5};

// One per worker, one thread. Strangers without a token come every day, and a host on which scrapes succeed needs no
// advice: so it is given at most once in a process, and only where no token was accepted lately.
class AuthorizationHint {
public:
    // For a request without Authorization; true: log k_authorization_hint now. `server_software` is SERVER_SOFTWARE,
    // `now` and `last_accepted` are times since boot, `last_accepted` zero where no token was accepted yet.
    [[nodiscard]] bool due(std::string_view server_software, std::chrono::nanoseconds now,
                           std::chrono::nanoseconds last_accepted) noexcept;

private:
    bool m_given = false;
};

inline constexpr std::string_view k_authorization_hint =
    "a request came without an Authorization header. If the scraper sends one, Apache keeps it to itself: set "
    "CGIPassAuth On where Apache passes the endpoint on, see ceymail-metrics(8)";

}  // namespace ceymail::endpoint
