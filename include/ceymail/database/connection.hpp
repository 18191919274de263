// SPDX-License-Identifier: MIT
// Connection: one MariaDB session, with a deadline for each call.
//
// Main header of the room "database": sessions, statements, the token store, the schema. No other room uses MariaDB's C
// names.
// Processes: worker and plain CGI (TokenReader), gatherer (AccountCounter, GaleraNodeReader), ceymail-settings
// (TokenRegistry, the dashboard's tables), ceymail-token (TokenRegistry, schema), --check.
// May touch: MariaDB's socket, the password file, the TLS files.
// Attackers: a server that is not MariaDB, or a compromised one; an account that may write to the dashboard's database.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

class Session;

// TLS of a connection to a host. With a CA, TLS is required: the CA must have signed the server's certificate, which
// must name the host. Without a CA, TLS is off.
struct Tls {
    std::filesystem::path ca{};           // PEM
    std::filesystem::path certificate{};  // of this client, for an account that requires one (REQUIRE X509)
    std::filesystem::path key{};          // of the certificate
};

// What a SELECT or SHOW of a session waits for on a node of a Galera cluster: wsrep_sync_wait.
enum class Reads {
    as_server,  // as the server is configured
    local,      // nothing: what this node has applied
    causal,     // until this node has applied all that the cluster committed before
};

struct Address {
    std::filesystem::path socket{};  // used unless host is set
    std::string host{};
    std::uint16_t port = 3306;
    std::string user{};
    std::filesystem::path option_file{};  // contains the password, see option_file.hpp; empty: no password
    Tls tls{};
    std::string option_file_key = "database_option_file";  // that names the file, for messages
    Reads reads = Reads::as_server;
};

// Returns: `address` with `reads`.
[[nodiscard]] Address with_reads(Address address, Reads reads);

// Returns: the address that the keys database_... describe, for `user`. `option_file_key`: as Address has it.
[[nodiscard]] Address address_of(const config::Configuration& configuration, std::string user,
                                 std::filesystem::path option_file,
                                 std::string option_file_key = "database_option_file");

// Initializes the client library; otherwise the first connection does it. It takes longer than one scrape: OpenSSL
// reads its configuration and algorithm names, and the library looks up a port by nsswitch.conf.
// Errors: throws std::bad_alloc.
// Requires: call it before fork(2), so that the children share the memory.
// Threads: call it while there is one thread.
void prepare_client_library();

// Owns the session. Uses Connector/C's non-blocking calls, so that one deadline limits all reads of a call, also when a
// server sends single bytes. LOCAL INFILE is off, autocommit on, the character set utf8mb4.
// Errors: unavailable and timed_out: the server cannot work now. It is unreachable, has ended the session (the next
// call connects again), lacks a resource, or is a Galera node that is not ready. denied: 1044, 1045, 1142, 1143, 1698.
// not_found: 1049, 1054, 1146. conflict: 1062, 1205, 1213. Otherwise internal. server_error.cpp has the whole list.
// A message has the server's address, the server's text and the remedy, never a value.
// Threads: one.
class Connection {
public:
    explicit Connection(Address address);
    ~Connection();

    // Connects, unless it is connected.
    [[nodiscard]] util::Result<void> ensure(util::BootTime deadline);
    void close() noexcept;

    // Runs one statement that has no parameters and gives no rows (DDL, SET, START TRANSACTION, COMMIT, ...).
    [[nodiscard]] util::Result<void> execute(const std::string& sql, util::BootTime deadline);

    // Returns: "/run/mysqld/mysqld.sock" or "host:port", for messages.
    [[nodiscard]] std::string where() const;

    // False before the first call, after close() and after an error that ended the session.
    [[nodiscard]] bool connected() const noexcept;

private:
    friend class Statement;
    [[nodiscard]] util::Result<void> set_reads(util::BootTime deadline);
    // After a failed call: closes a session that has ended.
    void drop_if_ended() noexcept;

    Address m_address;
    std::unique_ptr<Session> m_session;
    std::uint64_t m_sessions_opened = 0;  // a statement of an earlier session must be prepared again
};

// Calls `attempt`, which returns a Result. Calls it a second time, on a new session, when the server has ended the idle
// session, by a restart or by KILL.
// Requires: `attempt` may run twice.
template <class Attempt>
auto with_one_reconnect(const Connection& connection, Attempt attempt) {
    const bool may_have_ended = connection.connected();
    auto result = attempt();
    if (result || !may_have_ended || result.error().kind != util::ErrorKind::unavailable) return result;
    if (connection.connected()) return result;  // it is usable, so the error would come again
    return attempt();
}

}  // namespace ceymail::database
