// SPDX-License-Identifier: MIT
#include "support/token_database.hpp"

#include <tuple>

#include <pwd.h>
#include <unistd.h>

namespace ceymail::testing {

namespace {

struct Shared {
    MariadbServer server;
    std::filesystem::path option_file;

    Shared() {
        server.apply_schema();
        option_file = server.add_account("responder", "a password of tests");
        if (const passwd* const nobody = ::getpwnam("nobody"); nobody != nullptr && ::geteuid() == 0)
            std::ignore = ::chown(option_file.c_str(), nobody->pw_uid, nobody->pw_gid);
        server.query(
            "GRANT SELECT (id, token_sha256, active, created_at) ON ceymail_dashboard.metrics_tokens TO "
            "responder@localhost;"
            "GRANT INSERT (token_id, last_used_at), UPDATE (token_id, last_used_at), SELECT (host) "
            "ON ceymail_dashboard.metrics_token_uses TO responder@localhost;"
            "GRANT SELECT (id) ON ceymail.virtual_domains TO responder@localhost;"
            "GRANT SELECT (id) ON ceymail.virtual_users TO responder@localhost;"
            "GRANT SELECT (id) ON ceymail.virtual_aliases TO responder@localhost;");
    }
};

Shared& shared() {
    static Shared s_shared;
    return s_shared;
}

}  // namespace

TokenDatabase::TokenDatabase() { activate(k_token); }
TokenDatabase::~TokenDatabase() {
    server().resume();
    server().start();
}

MariadbServer& TokenDatabase::server() const noexcept { return shared().server; }

Settings TokenDatabase::settings(Settings more) const {
    more.insert({{"database_socket", server().socket()},
                 {"database_user", "responder"},
                 {"database_option_file", shared().option_file}});
    return more;
}

void TokenDatabase::activate(const std::string& token) const {
    revoke();
    server().query("INSERT INTO ceymail_dashboard.metrics_tokens (token_sha256) VALUES (UNHEX(SHA2('" + token +
                   "', 256)))");
}

void TokenDatabase::revoke() const {
    server().query("UPDATE ceymail_dashboard.metrics_tokens SET revoked_at = UTC_TIMESTAMP() WHERE active = 1");
}

std::string TokenDatabase::last_used() const {
    auto row = server().query(
        "SELECT u.last_used_at FROM ceymail_dashboard.metrics_tokens t "
        "LEFT JOIN ceymail_dashboard.metrics_token_uses u ON u.token_id = t.id WHERE active = 1");
    while (!row.empty() && row.back() == '\n') row.pop_back();
    return row;
}

}  // namespace ceymail::testing
