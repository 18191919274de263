// SPDX-License-Identifier: MIT
// Connection: an address, and the session to it, which is opened at the first use.
#include "ceymail/database/connection.hpp"

#include <mariadb/mysqld_error.h>

#include "ceymail/database/session.hpp"

namespace ceymail::database {

Address address_of(const config::Configuration& configuration, std::string user, std::filesystem::path option_file,
                   std::string option_file_key) {
    return {
        .socket = configuration.database_socket,
        .host = configuration.database_host,
        .port = configuration.database_port,
        .user = std::move(user),
        .option_file = std::move(option_file),
        .tls = {configuration.database_tls_ca, configuration.database_tls_certificate, configuration.database_tls_key},
        .option_file_key = std::move(option_file_key)};
}

Address with_reads(Address address, Reads reads) {
    address.reads = reads;
    return address;
}

Connection::Connection(Address address) : m_address(std::move(address)) {}
Connection::~Connection() = default;

util::Result<void> Connection::ensure(util::BootTime deadline) {
    if (m_session) return {};
    CEYMAIL_TRY_ASSIGN(m_session, Session::open(m_address, deadline));
    ++m_sessions_opened;
    auto set = set_reads(deadline);
    if (!set) close();
    return set;
}

// In a statement of its own: a MariaDB that was built without Galera does not know the variable.
util::Result<void> Connection::set_reads(util::BootTime deadline) {
    if (m_address.reads == Reads::as_server) return {};
    const std::string value = m_address.reads == Reads::causal ? "1" : "0";
    const auto set = execute("SET SESSION wsrep_sync_wait = " + value, deadline);
    if (set || set.error().code == ER_UNKNOWN_SYSTEM_VARIABLE) return {};
    return std::unexpected(set.error());
}

void Connection::close() noexcept { m_session.reset(); }

void Connection::drop_if_ended() noexcept {
    if (m_session && !m_session->usable()) m_session.reset();
}

bool Connection::connected() const noexcept { return m_session != nullptr; }

std::string Connection::where() const { return where_is(m_address); }

util::Result<void> Connection::execute(const std::string& sql, util::BootTime deadline) {
    const std::string doing =
        "at " + sql.substr(0, sql.find_first_of(" ;"));  // only the verb: the rest may contain secrets
    CEYMAIL_TRY(ensure(deadline));
    Session& session = *m_session;
    CEYMAIL_TRY(session.check_deadline(doing, deadline));
    const int failed = session.call(mysql_real_query_start, mysql_real_query_cont, deadline, session.handle(),
                                    sql.data(), static_cast<unsigned long>(sql.size()));
    if (failed != 0) {
        auto error = session.failure(doing);
        drop_if_ended();
        return error;
    }
    if (mysql_field_count(session.handle()) == 0) return {};
    close();  // rows that are not fetched block the next statement
    return util::fail(util::ErrorKind::internal, "MariaDB at " + where() + ", " + doing + ": it gave rows");
}

}  // namespace ceymail::database
