// SPDX-License-Identifier: MIT
// Source: "CREATE USER" and "Authentication from MariaDB 10.4" of MariaDB's documentation. MariaDB chooses the account
// with the most specific matching host, whatever its authentication is. An account without a name matches every user.
#include "ceymail/database/login_obstacle.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

constexpr std::array k_refused{1045, 1698};  // ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR
constexpr std::array k_expired{1820, 1862};  // ER_MUST_CHANGE_PASSWORD, ..._LOGIN
constexpr int k_locked = 4151;               // ER_ACCOUNT_HAS_BEEN_LOCKED

bool is_one_of(const auto& codes, int code) { return std::ranges::find(codes, code) != codes.end(); }

std::string name_of(const std::string& user, const std::string& host) {
    return quote_text(user) + "@" + quote_text(host);
}

// Extracts the client's host as the server sees it: "Access denied for user 'x'@'HOST'".
std::string client_host(std::string_view message) {
    constexpr std::string_view k_before_host = "'@'";
    const auto at = message.find(k_before_host);
    if (at == message.npos) return "localhost";
    const auto begin = at + k_before_host.size();
    return std::string(message.substr(begin, message.find('\'', begin) - begin));
}

std::vector<Row> ask(Connection& administrator, const std::string& sql, std::initializer_list<Parameter> parameters,
                     util::BootTime deadline) {
    Statement statement(administrator, sql, "looking for what stands in the way");
    auto outcome = statement.run(parameters, deadline);
    return outcome ? std::move(outcome->rows) : std::vector<Row>{};
}

// This host has several names. Accounts of each of them match.
std::array<std::string, 3> names_of(const std::string& host) {
    const std::array<std::string, 3> own{"localhost", "127.0.0.1", "::1"};
    return std::ranges::find(own, host) != own.end() ? own : std::array{host, host, host};
}

std::string drop(const std::string& accounts, const std::string& described) {
    return "MariaDB chooses " + described + " instead; if nothing else uses that, run in MariaDB: DROP USER " +
           accounts;
}

// The other accounts that match. `account` has the least specific host, so MariaDB prefers each of them.
std::string preferred(Connection& administrator, const Account& account, const std::string& from,
                      util::BootTime deadline) {
    if (account.host != "%") return {};  // over the Unix socket no host is more specific
    const auto hosts = names_of(from);
    const auto rows = ask(administrator,
                          "SELECT User, Host, plugin FROM mysql.user WHERE User IN (?, '') AND Host NOT IN (?, '%') "
                          "AND (? LIKE Host OR ? LIKE Host OR ? LIKE Host) ORDER BY User DESC",
                          {account.user, account.host, hosts[0], hosts[1], hosts[2]}, deadline);
    std::string names;
    std::string described;
    for (const auto& row : rows) {
        const auto name = name_of(row[0].value_or(""), row[1].value_or(""));
        names.append(names.empty() ? "" : ", ").append(name);
        described.append(described.empty() ? "account " : " or ").append(name);
        if (row[2] && !row[2]->empty()) described.append(" (").append(*row[2]).append(")");
    }
    return names.empty() ? "" : drop(names, described);
}

bool requires_tls(Connection& administrator, const std::string& name, util::BootTime deadline) {
    const auto rows = ask(administrator, "SHOW CREATE USER " + name, {}, deadline);
    return !rows.empty() && rows.front()[0] && rows.front()[0]->find(" REQUIRE ") != std::string::npos;
}

}  // namespace

std::string login_obstacle(Connection& administrator, const Account& account, const util::Error& refusal,
                           util::BootTime deadline) {
    const auto name = name_of(account.user, account.host);
    if (refusal.code == k_locked) return "it is locked; run in MariaDB: ALTER USER " + name + " ACCOUNT UNLOCK";
    if (is_one_of(k_expired, refusal.code))
        return "its password has expired; run in MariaDB: ALTER USER " + name + " PASSWORD EXPIRE NEVER";
    if (!is_one_of(k_refused, refusal.code)) return refusal.message;
    if (auto other = preferred(administrator, account, client_host(refusal.message), deadline); !other.empty())
        return other;
    if (requires_tls(administrator, name, deadline))
        return "it asks for TLS; set database_host and database_tls_ca, or run in MariaDB: ALTER USER " + name +
               " REQUIRE NONE";
    return "MariaDB refuses it (error " + std::to_string(refusal.code) +
           "), and what stands in the way was not found; look at: SHOW CREATE USER " + name;
}

std::string login_as_another(Connection& administrator, const Account& account, const std::string& chosen,
                             util::BootTime deadline) {
    const auto at = chosen.rfind('@');
    const auto host = at == chosen.npos ? "" : chosen.substr(at + 1);
    if (auto other = preferred(administrator, account, host, deadline); !other.empty()) return other;
    const auto name = name_of(chosen.substr(0, at), host);
    return drop(name, "account " + name);
}

}  // namespace ceymail::database
