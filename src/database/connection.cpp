// SPDX-License-Identifier: MIT
// Connection: an address and the session to it, opened when it is wanted.
#include "ceymail/database/connection.hpp"

#include "ceymail/database/connection_state.hpp"

namespace ceymail::database {

Address address_of(const config::Configuration& configuration, std::string user, std::filesystem::path option_file) {
    return {
        .socket = configuration.database_socket,
        .host = configuration.database_host,
        .port = configuration.database_port,
        .user = std::move(user),
        .option_file = std::move(option_file),
        .tls = {configuration.database_tls_ca, configuration.database_tls_certificate, configuration.database_tls_key}};
}

Connection::Connection(Address address) : m_state(std::make_unique<State>(State{std::move(address), {}, 0})) {}
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;
Connection::~Connection() = default;

util::Result<void> Connection::ensure(util::BootTime deadline) {
    if (m_state->session) return {};
    auto opened = Session::open(m_state->address, deadline);
    if (!opened) return std::unexpected(std::move(opened.error()));
    m_state->session = std::move(*opened);
    ++m_state->sessions_opened;
    return {};
}

void Connection::close() noexcept { m_state->session.reset(); }

bool Connection::connected() const noexcept { return m_state->session != nullptr; }

std::string Connection::where() const { return where_is(m_state->address); }

util::Result<std::uint64_t> Connection::execute(const std::string& sql, util::BootTime deadline) {
    const std::string doing = "at " + sql.substr(0, sql.find_first_of(" ;"));  // the verb: the rest may hold secrets
    if (auto ready = ensure(deadline); !ready) return std::unexpected(std::move(ready.error()));
    Session& session = *m_state->session;
    if (auto timely = session.in_time(doing, deadline); !timely) return std::unexpected(std::move(timely.error()));
    const int failed = session.call(mysql_real_query_start, mysql_real_query_cont, deadline, session.handle(),
                                    sql.data(), static_cast<unsigned long>(sql.size()));
    if (failed != 0) {
        auto error = session.failure(doing);
        m_state->drop_if_ended();
        return error;
    }
    if (mysql_field_count(session.handle()) == 0) return mysql_affected_rows(session.handle());
    close();  // rows nobody fetches would stand in the next statement's way
    return util::fail(util::ErrorKind::internal, "MariaDB at " + where() + ", " + doing + ": it gave rows");
}

}  // namespace ceymail::database
