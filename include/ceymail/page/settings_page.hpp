// SPDX-License-Identifier: MIT
// SettingsPage: answers one request for the settings page.
// Processes: ceymail-settings, one process with one thread, besides those that look up a name in database_host.
// May touch: the token and audit tables and the dashboard's users in the database, the sockets of the metrics
// responder, its own rate table, the files of the two secrets.
// Security: the web server authenticates users, or the dashboard's session does; local processes that reach the socket
// are refused without the secret.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ceymail/admission/rate_table.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/fastcgi/page_request.hpp"
#include "ceymail/fastcgi/response.hpp"
#include "ceymail/page/authenticated_user.hpp"
#include "ceymail/page/csrf_tokens.hpp"
#include "ceymail/page/flash_store.hpp"
#include "ceymail/page/page_model.hpp"
#include "ceymail/page/session_login.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::page {

// Makes the metrics responder forget the remembered token: snapshot::order_to_forget().
using ForgetToken = std::function<util::Result<void>(util::BootTime deadline)>;

// Reads the collectors' states from the gatherer: snapshot::ask_collectors().
using AskCollectors = std::function<util::Result<std::vector<snapshot::CollectorState>>(util::BootTime deadline)>;

// Opens a connection to MariaDB for each request, because the page is rarely used.
// Requires: `configuration` and `rates` outlive the object.
// Threads: one; see FlashStore.
// Security: serves only requests with the gateway secret and an authenticated user. Each change is a POST with a CSRF
// token, and fails if the active token is not the one that the form was shown with. The new token exists only in memory
// that is wiped and in the answer that shows it.
class SettingsPage {
public:
    SettingsPage(const config::Configuration& configuration, admission::RateStorage& rates, CsrfTokens csrf,
                 ForgetToken forget_token, AskCollectors ask_collectors,
                 util::ClockFunction clock = util::BootClock::now);

    // Returns: the response. Its headers point to members of the page and are valid until the next call.
    // Errors: none; an exception becomes a 500 and a line in the log.
    [[nodiscard]] fastcgi::Response answer(const fastcgi::PageRequest& request) noexcept;

    // FlashStore::expire(). Call it also without a request.
    util::BootTime expire() { return m_outcomes.expire(); }

private:
    [[nodiscard]] fastcgi::Response decide(const fastcgi::PageRequest& request);
    [[nodiscard]] util::Result<bool> came_through_gateway(const fastcgi::PageRequest& request);
    [[nodiscard]] std::optional<fastcgi::Response> sign_in(const fastcgi::PageRequest& request,
                                                           AuthenticatedUser& user);
    [[nodiscard]] fastcgi::Response show(const fastcgi::PageRequest& request, const AuthenticatedUser& user);
    [[nodiscard]] fastcgi::Response change(const fastcgi::PageRequest& request, const AuthenticatedUser& user);
    [[nodiscard]] fastcgi::Response apply_change(const fastcgi::PageRequest& request, const AuthenticatedUser& user,
                                                 Action action, const CsrfCheck& opened);
    [[nodiscard]] util::Result<Outcome> make_change(const AuthenticatedUser& user, Action action, std::uint64_t seen);
    [[nodiscard]] util::Result<Outcome> change_token(const AuthenticatedUser& user, Action action, std::uint64_t seen);
    void read_database(PageModel& model);
    void issue_csrf_tokens(PageModel& model) const;
    [[nodiscard]] fastcgi::Response message(const Message& message) const;
    [[nodiscard]] fastcgi::Response limited(const admission::RateDecision& decision);
    [[nodiscard]] fastcgi::Response redirect_after_post(const fastcgi::PageRequest& request, const std::string& nonce);

    const config::Configuration& m_configuration;
    admission::RateTable m_rates;
    CsrfTokens m_csrf;
    FlashStore m_outcomes;
    ForgetToken m_forget_token;
    AskCollectors m_ask_collectors;
    std::optional<SessionLogin> m_sessions;  // no value: the web server authenticates users
    util::ClockFunction m_clock;
    util::BootTime m_warn_again{};
    std::string m_cookie;
    std::string m_retry_after;
};

}  // namespace ceymail::page
