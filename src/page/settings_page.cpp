// SPDX-License-Identifier: MIT
#include "ceymail/page/settings_page.hpp"

#include <chrono>
#include <exception>
#include <new>
#include <utility>

#include "ceymail/admission/gateway_secret.hpp"
#include "ceymail/admission/token_form.hpp"
#include "ceymail/database/dashboard_tables.hpp"
#include "ceymail/database/token_registry.hpp"
#include "ceymail/page/form.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::page {
namespace {

using namespace std::chrono_literals;
using admission::Admission;
using fastcgi::PageRequest;
using fastcgi::Response;

constexpr auto k_time_to_read = 3s;
constexpr auto k_time_to_change = 6s;
constexpr auto k_time_to_forget = 2s;
constexpr auto k_time_to_report = 1500ms;  // the gatherer takes 1 s at most

constexpr auto k_between_warnings = 1min;  // so that a process with access to the socket cannot fill the log
constexpr std::string_view k_no_gateway_warning =
    "a request without the right gateway secret was refused: either the web server lacks it (run `ceymail-token init "
    "--settings` and reload it), or another process of the web server's group tries the socket";

// Without '-', so that nginx can pass this cookie alone ($cookie_ceymail_once).
constexpr std::string_view k_cookie = "ceymail_once";

constexpr std::string_view k_policy =
    "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'";

constexpr std::string_view k_style =
#include "style.css.inc"
    ;
constexpr std::string_view k_script =
#include "script.js.inc"
    ;

const Message k_other_path{404, "There is nothing here", "Look at the address."};
const Message k_other_method{405, "This cannot be done here",
                             "The page is read with GET and its forms are sent "
                             "with POST."};
const Message k_no_gateway{403, "This request did not come through the web server",
                           "The gateway secret is missing or wrong. Include the shipped nginx or Apache file for "
                           "ceymail-settings as it is, run "
                           "ceymail-token init --settings, and reload the web server."};
const Message k_cross_site{403, "This form was not sent from this page",
                           "Nothing was changed. Open the page and use its buttons; another site must not do so "
                           "for you.",
                           "Open the page"};
const Message k_forged{403, "This form cannot be accepted",
                       "Nothing was changed. The form was made for another user, or before the service last "
                       "started. Open the page afresh and try again.",
                       "Open the page"};
const Message k_expired{403, "This page was open for too long",
                        "Nothing was changed. For safety a form holds for 30 minutes. Open the page afresh and "
                        "try again.",
                        "Open the page"};
const Message k_done_already{409, "This has been done already",
                             "The form was sent a second time, which changed nothing. A token is shown only once: "
                             "if you did not copy it, generate another.",
                             "Show the page"};
const Message k_superseded{409, "The token has changed meanwhile",
                           "Nothing was changed. Since you opened the page the token has been generated or "
                           "revoked, by another administrator or in another window. Look at how it is now.",
                           "Show how it is now"};
const Message k_plan_too_low{403, "Metrics export needs the Business plan or above",
                             "No token was generated, since it would not be accepted.", "Back to the page"};
const Message k_too_many{429, "Too many requests", "This address has asked for the page 12 times within a minute.",
                         "Try again"};
const Message k_table_full{429, "Too many requests", "Too many addresses ask at once, and this one is new.",
                           "Try again"};
const Message k_undecided{503, "Too many requests", "The limit of requests could not be decided in time.", "Try again"};
const Message k_broken{500, "Something is wrong in ceymail-settings", "See its log: journalctl -u ceymail-settings."};

std::string_view path_of(std::string_view uri) { return uri.substr(0, uri.find('?')); }
std::string_view query_of(std::string_view uri) {
    const auto mark = uri.find('?');
    return mark == uri.npos ? std::string_view() : uri.substr(mark + 1);
}

std::optional<Action> action_named(std::string_view name) {
    if (name == "generate") return Action::generate;
    if (name == "revoke") return Action::revoke;
    return std::nullopt;
}

bool is_form(std::string_view content_type) {
    return content_type.substr(0, content_type.find(';')) == "application/x-www-form-urlencoded";
}

database::Connection connect(const config::Configuration& configuration) {
    return database::Connection(database::address_of(configuration, configuration.settings_database_user,
                                                     configuration.settings_database_option_file,
                                                     "settings_database_option_file"));
}

Response page(int status, const Html& html) {
    return {.status = status,
            .content_type = "text/html; charset=utf-8",
            .headers = {{"Content-Security-Policy", k_policy},
                        {"X-Frame-Options", "DENY"},
                        {"Referrer-Policy", "same-origin"},
                        {"Cross-Origin-Opener-Policy", "same-origin"},
                        {"Cross-Origin-Resource-Policy", "same-origin"},
                        {"X-Robots-Tag", "noindex"}},
            .body = html.text()};
}

Response file(std::string_view content_type, std::string_view text) {
    return {.status = 200,
            .content_type = content_type,
            .headers = {{"Cross-Origin-Resource-Policy", "same-origin"}},
            .body = std::string(text)};
}

}  // namespace

SettingsPage::SettingsPage(const config::Configuration& configuration, admission::RateStorage& rates, CsrfTokens csrf,
                           ForgetToken forget_token, AskCollectors ask_collectors, util::ClockFunction clock)
    : m_configuration(configuration),
      m_rates(rates, configuration.rate_window, clock),
      m_csrf(std::move(csrf)),
      m_outcomes(clock),
      m_forget_token(std::move(forget_token)),
      m_ask_collectors(std::move(ask_collectors)),
      m_clock(clock) {
    if (!configuration.settings_session_secret.empty()) m_sessions.emplace(configuration, clock);
}

Response SettingsPage::answer(const PageRequest& request) noexcept {
    try {
        auto response = decide(request);
        response.head_only = request.method == "HEAD";
        return response;
    } catch (const std::bad_alloc& problem) {
        util::log(util::LogLevel::error, problem.what());
        return {};  // a 500 without text, which would need memory
    } catch (const std::exception& problem) {
        util::log(util::LogLevel::error, problem.what());
        return message(k_broken);
    }
}

Response SettingsPage::decide(const PageRequest& request) {
    const auto gateway = came_through_gateway(request);
    if (!gateway) return message({503, "The gateway secret cannot be read", gateway.error().message});
    if (!*gateway) return message(k_no_gateway);
    auto user = identify(request, m_configuration);
    if (!user) return message(user.error());
    const auto path = path_of(request.uri);
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (reads && path == m_configuration.settings_path + "/style.css") return file("text/css; charset=utf-8", k_style);
    if (reads && path == m_configuration.settings_path + "/script.js")
        return file("text/javascript; charset=utf-8", k_script);
    if (path != m_configuration.settings_path) return message(k_other_path);
    if (!reads && request.method != "POST") return message(k_other_method);
    const auto decision = m_rates.admit(user->key);
    if (decision.admission != Admission::admitted) return limited(decision);
    if (auto refused = sign_in(request, *user)) return std::move(*refused);
    return reads ? show(request, *user) : change(request, *user);
}

// Reads the file for each request: a new secret is valid at once, and none stays in memory.
util::Result<bool> SettingsPage::came_through_gateway(const PageRequest& request) {
    const auto secret = admission::read_gateway_secret(m_configuration.settings_gateway_secret);
    const bool same =
        secret && util::equal_in_constant_time(util::sha256(secret->reveal()), util::sha256(request.gateway_secret));
    if (!same && m_clock() >= m_warn_again) {
        m_warn_again = m_clock() + k_between_warnings;
        util::log(util::LogLevel::warning, secret ? k_no_gateway_warning : std::string_view(secret.error().message));
    }
    if (!secret) return std::unexpected(secret.error());
    return same;
}

// After the limiter, so that guessed sessions count. The page that asks to sign in needs the style sheet, which is why
// that is served without a session.
// Returns: the refusal; no value: `user` is complete.
std::optional<Response> SettingsPage::sign_in(const PageRequest& request, AuthenticatedUser& user) {
    if (!m_sessions) return std::nullopt;
    auto connection = connect(m_configuration);
    auto found = m_sessions->sign_in(request, connection, util::seconds_since_1970(), m_clock() + k_time_to_read);
    if (!found) return message(found.error());
    if (!is_user_name(found->username)) return message(k_odd_user);
    user.user = std::move(found->username);
    user.id = found->id;
    return std::nullopt;
}

// --- GET -------------------------------------------------------------------------------------------------------------

Response SettingsPage::show(const PageRequest& request, const AuthenticatedUser& user) {
    PageModel model{
        .configuration = m_configuration, .user = user.user, .host = user.host, .now = util::seconds_since_1970()};
    const auto fields = parse_fields(query_of(request.uri));
    if (fields) model.confirm = action_named(field(*fields, "confirm"));
    read_database(model);
    model.collectors = m_ask_collectors(m_clock() + k_time_to_report);
    if (!model.token) model.confirm.reset();  // without a token there is nothing to confirm
    if (model.confirm == Action::generate && !config::may_export_metrics(m_configuration.plan)) model.confirm.reset();
    issue_csrf_tokens(model);

    std::optional<Outcome> outcome;
    // HEAD shows nothing, so it must not take the outcome.
    if (request.method == "GET")
        outcome = m_outcomes.take(std::string(cookie_value(request.cookie, k_cookie)), user.user);
    if (outcome) {
        model.fresh_token = outcome->token.reveal();
        model.revoked_now = outcome->token.empty() && model.database_error.empty() && !model.token;
        model.token_may_linger = outcome->may_linger;
        model.confirm.reset();
    }
    return page(model.database_error.empty() ? 200 : 503, render(model));
}

void SettingsPage::read_database(PageModel& model) {
    const auto deadline = m_clock() + k_time_to_read;
    auto connection = connect(m_configuration);
    auto token = database::TokenRegistry(connection, m_configuration.database_dashboard).status(deadline);
    if (!token) {
        model.database_error = token.error().message;
        util::log(util::LogLevel::error, token.error().message);
        return;
    }
    model.token = std::move(*token);
    auto history = database::last_changes(connection, m_configuration.database_dashboard, deadline);
    if (history) {
        model.history = std::move(*history);
    } else {
        util::log(util::LogLevel::warning, history.error().message);
    }
}

void SettingsPage::issue_csrf_tokens(PageModel& model) const {
    const std::uint64_t seen = model.token ? model.token->id : 0;
    const auto sealed = [&](Action action) {
        auto seal = m_csrf.issue({action, model.user, seen});
        if (!seal) throw std::runtime_error(seal.error().message);
        return std::move(*seal);
    };
    model.generate_csrf = sealed(Action::generate);
    model.revoke_csrf = sealed(Action::revoke);
}

// --- POST ------------------------------------------------------------------------------------------------------------

Response SettingsPage::change(const PageRequest& request, const AuthenticatedUser& user) {
    if (!comes_from_here(request)) return message(k_cross_site);
    if (request.body_too_long) return message({413, "This form is too long", "Nothing was changed."});
    if (!is_form(request.content_type)) return message({415, "This is no form", "Nothing was changed."});
    const auto fields = parse_fields(request.body);
    const auto action = fields ? action_named(field(*fields, "action")) : std::nullopt;
    if (!action) return message({400, "This form is malformed", "Nothing was changed."});
    const auto opened = m_csrf.verify(field(*fields, "seal"), *action, user.user);
    if (opened.status == CsrfStatus::forged) return message(k_forged);
    if (opened.status == CsrfStatus::expired) return message(k_expired);
    switch (m_outcomes.state(opened.nonce, user.user)) {
        case FlashStore::State::waiting:  // sent twice: the browser shows the second answer
            return redirect_after_post(request, opened.nonce);
        case FlashStore::State::gone:
            return message(k_done_already);
        case FlashStore::State::unknown:
            break;
    }
    if (*action == Action::generate && !config::may_export_metrics(m_configuration.plan))
        return message(k_plan_too_low);
    return apply_change(request, user, *action, opened);
}

Response SettingsPage::apply_change(const PageRequest& request, const AuthenticatedUser& user, Action action,
                                    const CsrfCheck& opened) {
    auto outcome = make_change(user, action, opened.seen);
    if (!outcome && outcome.error().code == database::k_superseded) return message(page::k_superseded);
    if (!outcome) {
        util::log(util::LogLevel::error, outcome.error().message);
        return message({503, "The change could not be made", outcome.error().message, "Look at how it is now"});
    }
    m_outcomes.keep(opened.nonce, user.user, std::move(*outcome));
    return redirect_after_post(request, opened.nonce);
}

util::Result<Outcome> SettingsPage::make_change(const AuthenticatedUser& user, Action action, std::uint64_t seen) {
    auto outcome = change_token(user, action, seen);
    // Also where COMMIT was not answered: the token may be revoked, and the responder would accept it from memory.
    const bool may_be_changed = outcome || outcome.error().code == database::k_in_doubt;
    if (!may_be_changed || seen == 0) return outcome;
    const auto forgotten = m_forget_token(m_clock() + k_time_to_forget);
    if (!forgotten) util::log(util::LogLevel::warning, forgotten.error().message);
    if (outcome) outcome->may_linger = !forgotten;
    return outcome;
}

util::Result<Outcome> SettingsPage::change_token(const AuthenticatedUser& user, Action action, std::uint64_t seen) {
    const auto deadline = m_clock() + k_time_to_change;
    const database::Actor actor(user.user, user.address, user.id);
    const auto nothing_more = [] { return util::Result<void>{}; };
    auto connection = connect(m_configuration);
    database::TokenRegistry registry(connection, m_configuration.database_dashboard);
    Outcome outcome;
    if (action == Action::generate) {
        CEYMAIL_TRY_ASSIGN(outcome.token, admission::make_token());
        CEYMAIL_TRY(registry.replace(util::sha256(outcome.token.reveal()), actor, nothing_more, deadline, seen));
    } else {
        CEYMAIL_TRY(registry.revoke(actor, nothing_more, deadline, seen));
    }
    return outcome;
}

// --- answers ---------------------------------------------------------------------------------------------------------

Response SettingsPage::message(const Message& message) const {
    auto response = page(message.status, render(m_configuration, message));
    if (message.status == 405) response.headers.push_back({"Allow", "GET, HEAD, POST"});
    // RFC 9110 15.5.2 requires the header. Browsers ignore the unknown scheme and show the page.
    if (message.status == 401) response.headers.push_back({"WWW-Authenticate", "Cookie realm=\"CeyMail dashboard\""});
    return response;
}

Response SettingsPage::limited(const admission::RateDecision& decision) {
    auto refusal = decision.admission == Admission::undecided ? k_undecided
                   : decision.admission == Admission::full    ? k_table_full
                                                              : k_too_many;
    m_retry_after = std::to_string(decision.retry_after.count());
    refusal.words += " Try again in " + m_retry_after + (m_retry_after == "1" ? " second." : " seconds.");
    auto response = message(refusal);
    response.headers.push_back({"Retry-After", m_retry_after});
    return response;
}

// After a 303 the browser loads the page with GET; reload and back do not send the form again.
Response SettingsPage::redirect_after_post(const PageRequest& request, const std::string& nonce) {
    m_cookie = std::string(k_cookie) + "=" + nonce + "; Path=" + m_configuration.settings_path +
               "; Max-Age=" + std::to_string(k_outcome_life.count()) + "; HttpOnly; SameSite=Strict" +
               (over_tls(request) ? "; Secure" : "");
    auto response = page(303, {});
    response.headers.push_back({"Location", m_configuration.settings_path});
    response.headers.push_back({"Set-Cookie", m_cookie});
    return response;
}

}  // namespace ceymail::page
