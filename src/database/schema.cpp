// SPDX-License-Identifier: MIT
// Looks at a database and sets it up: the numbered SQL files, the account, its column grants.
#include "ceymail/database/schema.hpp"

#include <optional>
#include <set>

#include "ceymail/database/native_password.hpp"
#include "ceymail/database/statement.hpp"

namespace ceymail::database {
namespace {

struct SchemaFile {
    std::string_view name;
    std::string_view sql;
};

constexpr SchemaFile k_files[] = {
#include "schema_files.inc"
};

constexpr int k_option_prevents = 1290;  // ER_OPTION_PREVENTS_STATEMENT

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// Splits a file into statements. Each ends with a semicolon at the end of a line. Comments come before the first.
std::vector<std::string> statements_of(std::string_view sql) {
    std::vector<std::string> statements;
    while (sql.starts_with("--")) sql.remove_prefix(sql.find('\n') + 1);
    for (std::size_t end = sql.find(";\n"); end != sql.npos; end = sql.find(";\n")) {
        statements.emplace_back(sql.substr(0, end));
        sql.remove_prefix(end + 2);
    }
    return statements;
}

using Grants = std::span<const std::string_view>;

constexpr std::string_view k_token_grants[] = {"SELECT(id)", "SELECT(token_sha256)", "SELECT(active)",
                                               "SELECT(created_at)"};
constexpr std::string_view k_use_grants[] = {"INSERT(token_id)", "INSERT(last_used_at)", "UPDATE(token_id)",
                                             "UPDATE(last_used_at)", "SELECT(host)"};
constexpr std::string_view k_settings_use_grants[] = {"SELECT(token_id)", "SELECT(last_used_at)"};
// It may insert digests, but not read them. The right to update covers SELECT ... FOR UPDATE.
constexpr std::string_view k_settings_token_grants[] = {
    "SELECT(id)",     "SELECT(created_at)",   "SELECT(created_by)", "SELECT(revoked_at)", "SELECT(last_used_at)",
    "SELECT(active)", "INSERT(token_sha256)", "INSERT(created_at)", "INSERT(created_by)", "UPDATE(revoked_at)"};
constexpr std::string_view k_audit_grants[] = {"INSERT(user_id)", "INSERT(action)",     "INSERT(target)",
                                               "INSERT(detail)",  "INSERT(ip_address)", "INSERT(created_at)",
                                               "SELECT(id)",      "SELECT(action)",     "SELECT(target)",
                                               "SELECT(detail)",  "SELECT(ip_address)", "SELECT(created_at)"};
// No password hash and no address.
constexpr std::string_view k_user_grants[] = {"SELECT(id)", "SELECT(username)", "SELECT(role)"};
constexpr std::string_view k_mail_grants[] = {"SELECT(id)"};

std::string grantee_of(const Account& account) { return quote_text(account.user) + "@" + quote_text(account.host); }

// Returns: the statement that makes the account as it is; no value where it is missing, or where that cannot be read.
std::optional<std::string> show_account(Connection& administrator, const std::string& grantee,
                                        util::BootTime deadline) {
    Statement statement(administrator, "SHOW CREATE USER " + grantee, "looking at what is there");
    auto outcome = statement.run(deadline);
    if (!outcome || outcome->rows.empty()) return std::nullopt;
    return std::move(outcome->rows.front()[0]);
}

// `shown`: of show_account(). An account with neither a password nor a plug-in has no IDENTIFIED.
bool shows_password(std::string_view shown) {
    constexpr std::string_view k_unix_socket = " IDENTIFIED VIA unix_socket";
    if (!contains(shown, " IDENTIFIED ")) return false;
    const auto at = shown.find(k_unix_socket);
    return at == shown.npos || shown.substr(at + k_unix_socket.size()).starts_with(" OR ");
}

// Each step adds its line to the report.
class Setup {
public:
    Setup(Connection& administrator, const Schemas& schemas, const Account& account, util::BootTime deadline)
        : m_connection(administrator),
          m_schemas(schemas),
          m_account(account),
          m_deadline(deadline),
          m_grantee(grantee_of(account)),
          m_account_name(account.user + "@" + account.host) {}

    util::Result<SetupReport> run() {
        for (const auto step : {&Setup::make_database, &Setup::apply_files, &Setup::make_account, &Setup::grant_tokens,
                                &Setup::grant_mail, &Setup::grant_audit, &Setup::grant_users, &Setup::revoke_obsolete,
                                &Setup::report_excess})
            CEYMAIL_TRY((this->*step)());
        return std::move(m_report);
    }

private:
    util::Result<void> make_database();
    util::Result<void> apply_files();
    util::Result<void> make_account();
    util::Result<void> grant_tokens();
    util::Result<void> grant_mail();
    util::Result<void> grant_audit();
    util::Result<void> grant_users();
    util::Result<void> revoke_obsolete();
    util::Result<void> report_excess();

    util::Result<void> execute(const std::string& sql);
    util::Result<std::vector<Row>> ask(const std::string& sql, std::initializer_list<Parameter> parameters = {});
    util::Result<void> identify_account(const std::string& identified);
    util::Error explain_account(util::Error error) const;
    util::Result<bool> exists(const std::string& schema, const std::string& table);
    util::Result<void> grant_if_exists(const std::string& schema, const std::string& table, Grants grants,
                                       const std::string& without);
    util::Result<void> grant(const std::string& schema, const std::string& table, Grants grants);

    Connection& m_connection;
    const Schemas& m_schemas;
    const Account& m_account;
    util::BootTime m_deadline;
    std::string m_grantee;
    std::string m_account_name;
    std::set<std::string> m_wanted;  // the given grants, in the format of report_excess()
    bool m_own_account = false;
    SetupReport m_report;
};

util::Result<void> Setup::execute(const std::string& sql) { return m_connection.execute(sql, m_deadline); }

util::Result<std::vector<Row>> Setup::ask(const std::string& sql, std::initializer_list<Parameter> parameters) {
    Statement statement(m_connection, sql, "looking at what is there");
    CEYMAIL_TRY_ASSIGN(Outcome outcome, statement.run(parameters, m_deadline));
    return std::move(outcome.rows);
}

util::Result<void> Setup::make_database() {
    CEYMAIL_TRY_ASSIGN(const std::vector<Row> found,
                       ask("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", {m_schemas.dashboard}));
    m_report.done.push_back("database " + m_schemas.dashboard + (found.empty() ? ": made" : ": is there"));
    if (found.empty())
        CEYMAIL_TRY(
            execute("CREATE DATABASE IF NOT EXISTS " + quote_name(m_schemas.dashboard) + " CHARACTER SET utf8mb4"));
    return execute("USE " + quote_name(m_schemas.dashboard));
}

util::Result<void> Setup::apply_files() {
    for (const auto& file : k_files) {
        for (const auto& statement : statements_of(file.sql)) CEYMAIL_TRY(execute(statement));
        m_report.done.push_back("schema " + std::string(file.name) + ": applied");
    }
    return {};
}

util::Result<void> Setup::make_account() {
    CEYMAIL_TRY_ASSIGN(const std::vector<Row> user, ask("SELECT CURRENT_USER()"));
    m_own_account = !user.empty() && user.front()[0] == m_account_name;
    if (m_own_account) {
        m_report.warnings.push_back("account " + m_account_name +
                                    ": is the administrator's own, left as it is; give the workers one of their own");
        return {};
    }
    // In the format of SHOW CREATE USER. A password is sent as its hash, so that no log of MariaDB contains it.
    const std::string identified =
        m_account.password == nullptr
            ? " IDENTIFIED VIA unix_socket"
            : " IDENTIFIED BY PASSWORD " + quote_text(native_password_hash(m_account.password->reveal()));
    if (auto done = identify_account(identified); !done)
        return std::unexpected(explain_account(std::move(done.error())));
    m_report.done.push_back(
        "account " + m_account_name + ": logs in by " +
        (m_account.password != nullptr ? "password" : "Unix socket, as system user " + m_account.user));
    return {};
}

// Whether the account needs no change. A password that has expired must be set again; the same one is allowed.
bool is_identified(std::string_view shown, const std::string& identified) {
    const auto at = shown.find(identified);
    if (at == shown.npos) return false;
    const auto rest = shown.substr(at + identified.size());
    return !rest.ends_with(" PASSWORD EXPIRE") &&
           (rest.empty() || (rest.starts_with(' ') && !rest.starts_with(" OR ")));
}

// Does not set again what is set already: plug-ins that validate passwords may refuse a repeated one.
util::Result<void> Setup::identify_account(const std::string& identified) {
    auto shown = show_account(m_connection, m_grantee, m_deadline);
    if (!shown) {
        CEYMAIL_TRY(execute("CREATE USER IF NOT EXISTS " + m_grantee + identified));
        shown = show_account(m_connection, m_grantee, m_deadline);  // another host may have made it at this moment
    }
    if (shown && is_identified(*shown, identified)) return {};
    const bool other_password = shown && shows_password(*shown) && !contains(*shown, identified);
    if (other_password && m_account.other_password == OtherPassword::leave)
        return util::fail(util::ErrorKind::invalid, "account " + m_account_name + " has another password",
                          k_other_password);
    return execute("ALTER USER " + m_grantee + identified);
}

util::Error Setup::explain_account(util::Error error) const {
    if (error.code != k_option_prevents || m_account.password == nullptr || !contains(error.message, "strict-password"))
        return error;
    return {util::ErrorKind::invalid, error.code,
            "MariaDB at " + m_connection.where() + " takes no password as a hash while strict_password_validation is " +
                "on and a plug-in validates passwords, and account " + m_account_name +
                " gets it so, to keep it out of logs; run in MariaDB: SET GLOBAL strict_password_validation = OFF; "
                "then run this again, and turn it on again. Later runs need that no more"};
}

// Grants nothing to the administrator's own account.
util::Result<void> Setup::grant(const std::string& schema, const std::string& table, Grants grants) {
    if (m_own_account) return {};
    std::string list;
    for (const auto grant : grants) {
        list.append(list.empty() ? "" : ", ").append(grant);
        m_wanted.insert(std::string(grant) + " on " + schema + "." + table);
    }
    CEYMAIL_TRY(execute("GRANT " + list + " ON " + quote_name(schema) + "." + quote_name(table) + " TO " + m_grantee));
    m_report.done.push_back("grant " + list + " on " + schema + "." + table);
    return {};
}

util::Result<void> Setup::grant_tokens() {
    const bool for_metrics = m_account.purpose == Purpose::metrics;
    CEYMAIL_TRY(
        grant(m_schemas.dashboard, "metrics_tokens", for_metrics ? Grants(k_token_grants) : k_settings_token_grants));
    return grant(m_schemas.dashboard, "metrics_token_uses", for_metrics ? Grants(k_use_grants) : k_settings_use_grants);
}

util::Result<bool> Setup::exists(const std::string& schema, const std::string& table) {
    CEYMAIL_TRY_ASSIGN(
        const std::vector<Row> found,
        ask("SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", {schema, table}));
    return !found.empty();
}

// `without`: what follows from the missing table, and the remedy.
util::Result<void> Setup::grant_if_exists(const std::string& schema, const std::string& table, Grants grants,
                                          const std::string& without) {
    CEYMAIL_TRY_ASSIGN(const bool is_there, exists(schema, table));
    if (is_there) return grant(schema, table, grants);
    m_report.pending.push_back("table " + schema + "." + table + ": is not there yet, so " + without);
    return {};
}

util::Result<void> Setup::grant_mail() {
    if (m_account.purpose != Purpose::metrics) return {};
    for (const auto* const table : {"virtual_domains", "virtual_users", "virtual_aliases"})
        CEYMAIL_TRY(grant_if_exists(m_schemas.mail, table, k_mail_grants,
                                    "the metrics of domains, mailboxes and aliases are absent; CeyMail's installer "
                                    "makes it: run that, or set database_mail to its database; then run "
                                    "`ceymail-token init` again"));
    return {};
}

// Each change of a token writes a row there, and only the dashboard knows the whole table.
util::Result<void> Setup::grant_audit() {
    CEYMAIL_TRY_ASSIGN(const bool is_there, exists(m_schemas.dashboard, "audit_logs"));
    if (!is_there)
        m_report.missing.push_back("table " + m_schemas.dashboard +
                                   ".audit_logs: is not there, so `ceymail-token generate` and `revoke` fail, and so "
                                   "does the settings page; CeyMail's dashboard makes it: install and start that, or "
                                   "set database_dashboard to its database; then run `ceymail-token init` again");
    else if (m_account.purpose != Purpose::metrics)
        return grant(m_schemas.dashboard, "audit_logs", k_audit_grants);
    return {};
}

util::Result<void> Setup::grant_users() {
    if (m_account.purpose != Purpose::settings_with_sessions) return {};
    return grant_if_exists(m_schemas.dashboard, "dashboard_users", k_user_grants,
                           "the settings page lets no session of the dashboard in; CeyMail's dashboard makes it: "
                           "install and start that, then run `ceymail-token init --settings` again");
}

// Revokes a grant of earlier versions, which stored the last use in metrics_tokens.
util::Result<void> Setup::revoke_obsolete() {
    if (m_own_account || m_account.purpose != Purpose::metrics) return {};
    CEYMAIL_TRY_ASSIGN(
        const std::vector<Row> found,
        ask("SELECT 1 FROM information_schema.COLUMN_PRIVILEGES WHERE GRANTEE = ? AND TABLE_SCHEMA = ? "
            "AND TABLE_NAME = 'metrics_tokens' AND COLUMN_NAME = 'last_used_at' AND PRIVILEGE_TYPE = 'UPDATE'",
            {m_grantee, m_schemas.dashboard}));
    if (found.empty()) return {};
    m_report.done.push_back("revoke UPDATE(last_used_at) on " + m_schemas.dashboard + ".metrics_tokens");
    return execute("REVOKE UPDATE (last_used_at) ON " + quote_name(m_schemas.dashboard) + ".metrics_tokens FROM " +
                   m_grantee);
}

// Reports grants that the account does not need. A compromised worker could use them.
util::Result<void> Setup::report_excess() {
    if (m_own_account) return {};
    CEYMAIL_TRY_ASSIGN(
        const std::vector<Row> rows,
        ask("SELECT CONCAT(PRIVILEGE_TYPE, ' on *.*') FROM information_schema.USER_PRIVILEGES "
            "WHERE GRANTEE = ? AND PRIVILEGE_TYPE <> 'USAGE' UNION ALL "
            "SELECT CONCAT(PRIVILEGE_TYPE, ' on ', TABLE_SCHEMA, '.*') FROM information_schema.SCHEMA_PRIVILEGES "
            "WHERE GRANTEE = ? UNION ALL "
            "SELECT CONCAT(PRIVILEGE_TYPE, ' on ', TABLE_SCHEMA, '.', TABLE_NAME) FROM "
            "information_schema.TABLE_PRIVILEGES "
            "WHERE GRANTEE = ? UNION ALL "
            "SELECT CONCAT(PRIVILEGE_TYPE, '(', COLUMN_NAME, ') on ', TABLE_SCHEMA, '.', TABLE_NAME) "
            "FROM information_schema.COLUMN_PRIVILEGES WHERE GRANTEE = ?",
            {m_grantee, m_grantee, m_grantee, m_grantee}));
    for (const auto& row : rows)
        if (row[0] && !m_wanted.contains(*row[0]))
            m_report.warnings.push_back("account " + m_account_name + " may more than it needs: " + *row[0] +
                                        "; take it away with REVOKE");
    return {};
}

}  // namespace

util::Result<TokenSchema> look_for_token_schema(Connection& administrator, const std::string& dashboard_schema,
                                                util::BootTime deadline) {
    constexpr const char* k_doing = "looking for the token's table";
    Statement statement(administrator,
                        "SELECT COUNT(*), COALESCE(SUM(TABLE_NAME = 'metrics_tokens'), 0), "
                        "COALESCE(SUM(CREATE_TIME > NOW() - INTERVAL 60 SECOND), 0) "
                        "FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?",
                        k_doing);
    CEYMAIL_TRY_ASSIGN(const auto outcome, statement.run({dashboard_schema}, deadline));
    const Row& row = outcome.rows.at(0);
    CEYMAIL_TRY_ASSIGN(const auto tables, to_number(row.at(0), k_doing));
    CEYMAIL_TRY_ASSIGN(const auto token_tables, to_number(row.at(1), k_doing));
    CEYMAIL_TRY_ASSIGN(const auto young, to_number(row.at(2), k_doing));
    if (token_tables != 0) return TokenSchema::present;
    if (tables == 0) return TokenSchema::no_tables;
    return young != 0 ? TokenSchema::unsettled : TokenSchema::missing;
}

util::Result<SetupReport> set_up(Connection& administrator, const Schemas& schemas, const Account& account,
                                 util::BootTime deadline) {
    return Setup(administrator, schemas, account, deadline).run();
}

bool has_password(Connection& administrator, const Account& account, util::BootTime deadline) {
    const auto shown = show_account(administrator, grantee_of(account), deadline);
    return shown && shows_password(*shown);
}

}  // namespace ceymail::database
