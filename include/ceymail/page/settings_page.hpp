// SPDX-License-Identifier: MIT
// SettingsPage: one request for the page from start to answer.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/admission/rate_table.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/database/connection.hpp"
#include "ceymail/fastcgi/page_request.hpp"
#include "ceymail/fastcgi/response.hpp"
#include "ceymail/page/authenticated_user.hpp"
#include "ceymail/page/csrf_tokens.hpp"
#include "ceymail/page/flash_store.hpp"
#include "ceymail/page/page_model.hpp"
#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::page {

// snapshot::order_to_forget() of the metrics responder.
using ForgetToken = std::function<util::Result<void>(util::BootTime deadline)>;

// snapshot::ask_collectors() of the metrics responder's gatherer.
using AskCollectors = std::function<util::Result<std::vector<snapshot::CollectorState>>(util::BootTime deadline)>;

// One process, one thread; see FlashStore for why. A session with MariaDB is opened for a request and closed after it:
// the page is asked for a few times a year. Configuration and rate table outlive it.
// SECURITY: serves only requests with the gateway secret, and of these only whom the web server has authenticated.
// Everything that changes something is a POST with a sealed form; what it changes must be what the form was shown with.
// The token is in memory that is wiped, and in the one answer that shows it.
class SettingsPage {
public:
    SettingsPage(const config::Configuration& configuration, admission::RateStorage& rates, CsrfTokens csrf,
                 ForgetToken tell_metrics, AskCollectors ask_collectors,
                 util::ClockFunction clock = util::BootClock::now);

    // Never throws: whatever goes wrong is a 500 with a line in the log. The headers point into the page's own texts,
    // good until the next call.
    [[nodiscard]] fastcgi::Response answer(const fastcgi::PageRequest& request) noexcept;

    // FlashStore::expire(), to be called without a request too.
    util::BootTime expire() { return m_outcomes.expire(); }

private:
    [[nodiscard]] fastcgi::Response decide(const fastcgi::PageRequest& request);
    [[nodiscard]] util::Result<bool> came_through_gateway(const fastcgi::PageRequest& request);
    [[nodiscard]] fastcgi::Response show(const fastcgi::PageRequest& request, const AuthenticatedUser& user);
    [[nodiscard]] fastcgi::Response change(const fastcgi::PageRequest& request, const AuthenticatedUser& user);
    [[nodiscard]] fastcgi::Response carry_out(const fastcgi::PageRequest& request, const AuthenticatedUser& user,
                                              Action action, const OpenedSeal& opened);
    [[nodiscard]] util::Result<Outcome> make_change(const AuthenticatedUser& user, Action action, std::uint64_t seen);
    [[nodiscard]] bool tell_metrics(util::BootTime deadline);
    void look(PageModel& model);
    void seal_forms(PageModel& model) const;
    [[nodiscard]] fastcgi::Response page(int status, const Html& html) const;
    [[nodiscard]] fastcgi::Response message(int status, const Message& message) const;
    [[nodiscard]] fastcgi::Response refuse(const Refusal& refusal) const;
    [[nodiscard]] fastcgi::Response limited(const admission::RateDecision& decision);
    [[nodiscard]] fastcgi::Response redirect_after_post(const fastcgi::PageRequest& request, const std::string& nonce);

    const config::Configuration& m_configuration;
    Site m_site;
    admission::RateTable m_rates;
    CsrfTokens m_csrf;
    FlashStore m_outcomes;
    ForgetToken m_tell_metrics;
    AskCollectors m_ask_collectors;
    util::ClockFunction m_clock;
    util::BootTime m_warn_again{};
    std::string m_cookie;
    std::string m_retry_after;
};

}  // namespace ceymail::page
