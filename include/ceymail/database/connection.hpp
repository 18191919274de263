// SPDX-License-Identifier: MIT
// Connection: one MariaDB session, with a deadline on everything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

struct st_mysql;

namespace ceymail::database {

// Of a connection to a host. With a CA it is TLS or nothing: the server's certificate must be of that CA and name the
// host. Without one it is not TLS.
struct Tls {
    std::filesystem::path ca{};           // PEM
    std::filesystem::path certificate{};  // of this client, where the account asks for one (REQUIRE X509); and its key
    std::filesystem::path key{};
};

struct Address {
    std::filesystem::path socket{};  // used unless host is set
    std::string host{};
    std::uint16_t port = 3306;
    std::string user{};
    std::filesystem::path option_file{};  // holds the password, option_file.hpp; empty: none
    Tls tls{};
};

// The way to MariaDB that the keys database_... tell, as `user`.
[[nodiscard]] Address address_of(const config::Configuration& configuration, std::string user,
                                 std::filesystem::path option_file);

// Makes the client library ready, which takes longer than a gathering: OpenSSL reads its configuration and its
// algorithms' names, and a port is looked up by nsswitch.conf's means, though we give our own. The first connection
// does it otherwise. To be called before fork(2), so that the children share work and memory, and while there is one
// thread. Throws std::bad_alloc where it cannot be made ready.
void prepare_client_library();

// Owns the session. One thread. Uses Connector/C's non-blocking calls, so that the deadline holds over all reads
// of a call together, also against a server that drips. LOCAL INFILE is off, autocommit on, utf8mb4.
// Errors: unavailable and timed_out: the server cannot work now: it cannot be reached, went away (the session is then
// closed, and the next call connects anew), is out of a resource, or is a Galera node that is not ready; denied: 1044,
// 1045, 1142, 1143, 1698; not_found: 1049, 1054, 1146; conflict: 1062, 1205, 1213; else internal. server_error.cpp has
// the list. Messages name the server, its words and the remedy, never a value.
class Connection {
public:
    explicit Connection(Address address);
    Connection(Connection&&) noexcept;
    Connection& operator=(Connection&&) noexcept;
    ~Connection();

    // Connects unless connected.
    [[nodiscard]] util::Result<void> ensure(util::BootTime deadline);
    void close() noexcept;

    // One statement without parameters and without a result (DDL, SET, START TRANSACTION, COMMIT, ...).
    // Returns the number of rows changed.
    [[nodiscard]] util::Result<std::uint64_t> execute(const std::string& sql, util::BootTime deadline);

    // "/run/mysqld/mysqld.sock" or "host:port", for messages.
    [[nodiscard]] std::string where() const;

    // False before the first call, after close() and after an error that ended the session.
    [[nodiscard]] bool connected() const noexcept;

private:
    friend class Statement;
    struct State;
    std::unique_ptr<State> m_state;
};

// Does `attempt`, which returns a Result; once more on a new session when the one it was given had ended while it
// lay idle (the server restarted, or was told to KILL it). Only for what may be done twice.
template <class Attempt>
auto with_one_reconnect(const Connection& connection, Attempt attempt) {
    const bool may_have_ended = connection.connected();
    auto result = attempt();
    if (result || !may_have_ended || result.error().kind != util::ErrorKind::unavailable) return result;
    if (connection.connected()) return result;  // it lives on, and would say the same again
    return attempt();
}

}  // namespace ceymail::database
