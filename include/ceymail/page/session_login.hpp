// SPDX-License-Identifier: MIT
// SessionLogin: finds the administrator of a request by the dashboard's session cookie. ceymail-settings(8), Sessions.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "ceymail/config/configuration.hpp"
#include "ceymail/database/connection.hpp"
#include "ceymail/database/dashboard_tables.hpp"
#include "ceymail/fastcgi/page_request.hpp"
#include "ceymail/page/page_model.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::page {

// Requires: `configuration` outlives the object; its settings_session_secret is set.
// Threads: one.
// Security: only administrators by the cookie and by dashboard_users. MariaDB is asked only if the MAC is right. The
// secret is read for each request, and is wiped. One answer for each cookie that does not sign in.
class SessionLogin {
public:
    explicit SessionLogin(const config::Configuration& configuration, util::ClockFunction clock)
        : m_configuration(configuration), m_clock(clock) {}

    // Units: `now` in seconds since 1970.
    // Errors: 401: no valid session; 403: no administrator; 503: the secret or the user cannot be read.
    [[nodiscard]] std::expected<database::DashboardUser, Message> sign_in(const fastcgi::PageRequest& request,
                                                                          database::Connection& connection,
                                                                          std::uint64_t now, util::BootTime deadline);

private:
    void warn(std::string_view words);

    const config::Configuration& m_configuration;
    util::ClockFunction m_clock;
    util::BootTime m_warn_again{};
};

}  // namespace ceymail::page
