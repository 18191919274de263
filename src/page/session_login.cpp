// SPDX-License-Identifier: MIT
#include "ceymail/page/session_login.hpp"

#include <chrono>
#include <utility>

#include "ceymail/admission/session_cookie.hpp"
#include "ceymail/admission/session_secret.hpp"
#include "ceymail/page/form.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::page {
namespace {

using admission::SessionStatus;
using database::DashboardUser;

constexpr std::chrono::minutes k_between_warnings{1};  // so that a client cannot fill the log

constexpr std::string_view k_forged_warning =
    "a request came with a session of another signature: the cookie was changed, or the dashboard has a new "
    "SESSION_SECRET; for that run: systemctl restart ceymail-settings";
constexpr std::string_view k_unreadable_warning =
    "a request came with a session whose claims cannot be understood: the dashboard's sessions may have another form "
    "than ceymail-settings(8) describes; use another login";

const Message k_no_session{401, "Sign in at the dashboard",
                           "There is no session of the CeyMail dashboard, or it has ended. Sign in there as an "
                           "administrator, then open this page again.",
                           "Go to the dashboard", "/"};
const Message k_wrong_file{403, "The web server does not pass the dashboard’s session",
                           "It authenticates the user itself, but settings_session_secret is set. In the web server’s "
                           "configuration include ceymail-session-settings.conf instead of ceymail-settings.conf, or "
                           "remove settings_session_secret and restart ceymail-settings."};
const Message k_no_administrator{403, "This page is for administrators",
                                 "Your account at the dashboard has another role. If it became an administrator’s "
                                 "just now, sign out there and in again."};

}  // namespace

void SessionLogin::warn(std::string_view words) {
    if (m_clock() < m_warn_again) return;
    m_warn_again = m_clock() + k_between_warnings;
    util::log(util::LogLevel::warning, words);
}

std::expected<DashboardUser, Message> SessionLogin::sign_in(const fastcgi::PageRequest& request,
                                                            database::Connection& connection, std::uint64_t now,
                                                            util::BootTime deadline) {
    const auto cookie = cookie_value(request.cookie, admission::k_session_cookie);
    if (cookie.empty()) return std::unexpected(request.remote_user.empty() ? k_no_session : k_wrong_file);

    const auto secret = admission::read_session_secret(m_configuration.settings_session_secret);
    if (!secret) {
        warn(secret.error().message);
        return std::unexpected(Message{503, "The dashboard’s session secret cannot be read", secret.error().message});
    }
    const auto session = admission::check_session(cookie, *secret, now);
    if (session.status == SessionStatus::forged) warn(k_forged_warning);
    if (session.status == SessionStatus::unreadable) warn(k_unreadable_warning);
    if (session.status != SessionStatus::valid) return std::unexpected(k_no_session);

    auto user = database::find_user(connection, m_configuration.database_dashboard, session.claims.user_id, deadline);
    if (!user) {
        warn(user.error().message);
        return std::unexpected(Message{503, "Your account cannot be looked up", user.error().message});
    }
    // An id may have been given to another user, for example by a restored dump.
    if (!*user || (*user)->username != session.claims.username) return std::unexpected(k_no_session);
    if ((*user)->role != admission::k_administrator || session.claims.role != admission::k_administrator)
        return std::unexpected(k_no_administrator);
    return std::move(**user);
}

}  // namespace ceymail::page
