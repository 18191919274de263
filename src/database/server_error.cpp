// SPDX-License-Identifier: MIT
#include "ceymail/database/server_error.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <iterator>

#include <mariadb/errmsg.h>
#include <mariadb/mysqld_error.h>

namespace ceymail::database {
namespace {

using util::ErrorKind;

constexpr unsigned k_inactivity_timeout = 4031;  // the oldest supported header lacks these three
constexpr unsigned k_read_error = 5013;
constexpr unsigned k_write_error = 5014;

struct Meaning {
    unsigned code;
    ErrorKind kind;
    std::string_view remedy;
};

constexpr std::string_view k_start = "start it with: systemctl start mariadb";
constexpr std::string_view k_grants = "set up the account and its grants with: sudo ceymail-token init";
constexpr std::string_view k_again = "try again";
constexpr std::string_view k_impostor = "is it MariaDB that listens there?";
constexpr std::string_view k_connections = "raise max_connections or end idle sessions";
constexpr std::string_view k_memory = "MariaDB is out of memory: see its log, and free some";
constexpr std::string_view k_disk = "see MariaDB's log and its disk";
constexpr std::string_view k_room = "make room on MariaDB's disk";
constexpr std::string_view k_own_resources = "this process is out of memory or of descriptors";

// The kind decides whether the grace applies to a scrape (admission::TokenCheck). It applies to unavailable, timed_out
// and conflict: MariaDB cannot work now. It does not apply to denied, not_found and internal: an administrator must
// repair something. A read-only server (1290, 1836) is internal: it answers the token's SELECT, and refuses all
// changes.
constexpr std::array k_meanings{
    Meaning{CR_CONNECTION_ERROR, ErrorKind::unavailable, k_start},
    Meaning{CR_CONN_HOST_ERROR, ErrorKind::unavailable, "check database_host, database_port and the firewall"},
    Meaning{CR_UNKNOWN_HOST, ErrorKind::unavailable, "check database_host"},
    Meaning{CR_SERVER_GONE_ERROR, ErrorKind::unavailable, k_start},
    Meaning{CR_SERVER_LOST, ErrorKind::unavailable, k_start},
    Meaning{CR_SERVER_HANDSHAKE_ERR, ErrorKind::unavailable, k_impostor},
    Meaning{CR_SSL_CONNECTION_ERROR, ErrorKind::unavailable,
            "MariaDB must have TLS on, with a certificate of database_tls_ca that names database_host"},
    Meaning{CR_SERVER_LOST_EXTENDED, ErrorKind::unavailable, k_start},
    Meaning{CR_VERSION_ERROR, ErrorKind::unavailable, k_impostor},
    Meaning{CR_NET_PACKET_TOO_LARGE, ErrorKind::unavailable, k_impostor},
    Meaning{CR_MALFORMED_PACKET, ErrorKind::unavailable, k_impostor},
    Meaning{k_read_error, ErrorKind::unavailable, k_start},
    Meaning{k_write_error, ErrorKind::unavailable, k_start},
    Meaning{CR_OUT_OF_MEMORY, ErrorKind::unavailable, k_own_resources},
    Meaning{CR_SOCKET_CREATE_ERROR, ErrorKind::unavailable, k_own_resources},
    Meaning{CR_IPSOCK_ERROR, ErrorKind::unavailable, k_own_resources},
    Meaning{CR_AUTH_PLUGIN_CANNOT_LOAD, ErrorKind::denied,
            "give the account unix_socket, mysql_native_password or ed25519 authentication"},
    Meaning{ER_CON_COUNT_ERROR, ErrorKind::unavailable, k_connections},
    Meaning{ER_TOO_MANY_USER_CONNECTIONS, ErrorKind::unavailable, k_connections},
    Meaning{ER_USER_LIMIT_REACHED, ErrorKind::unavailable, "raise the account's resource limits"},
    Meaning{ER_SERVER_SHUTDOWN, ErrorKind::unavailable, k_start},
    Meaning{ER_HOST_IS_BLOCKED, ErrorKind::unavailable, "run: mariadb-admin flush-hosts"},
    Meaning{ER_CONNECTION_KILLED, ErrorKind::unavailable, k_again},
    Meaning{k_inactivity_timeout, ErrorKind::unavailable, k_again},
    Meaning{ER_OUTOFMEMORY, ErrorKind::unavailable, k_memory},
    Meaning{ER_OUT_OF_SORTMEMORY, ErrorKind::unavailable, k_memory},
    Meaning{ER_OUT_OF_RESOURCES, ErrorKind::unavailable, k_memory},
    Meaning{ER_CANT_CREATE_THREAD, ErrorKind::unavailable,
            "raise MariaDB's limit of threads (TasksMax=) or free memory"},
    Meaning{ER_MAX_PREPARED_STMT_COUNT_REACHED, ErrorKind::unavailable,
            "raise max_prepared_stmt_count, or end the sessions that leave statements prepared"},
    Meaning{ER_TOO_MANY_CONCURRENT_TRXS, ErrorKind::unavailable, k_again},
    Meaning{ER_LOCK_TABLE_FULL, ErrorKind::unavailable, "raise innodb_buffer_pool_size"},
    Meaning{ER_DISK_FULL, ErrorKind::unavailable, k_room},
    Meaning{ER_RECORD_FILE_FULL, ErrorKind::unavailable, k_room},
    // Not a missing table: for that InnoDB has 1146 and 1932.
    Meaning{ER_CANT_OPEN_FILE, ErrorKind::unavailable, k_disk},
    Meaning{ER_ERROR_ON_READ, ErrorKind::unavailable, k_disk},
    Meaning{ER_ERROR_ON_WRITE, ErrorKind::unavailable, k_disk},
    Meaning{ER_GET_ERRNO, ErrorKind::unavailable, k_disk},
    Meaning{ER_QUERY_INTERRUPTED, ErrorKind::unavailable, k_again},
    Meaning{ER_NEED_REPREPARE, ErrorKind::unavailable, "raise table_definition_cache"},
    Meaning{ER_BAD_HOST_ERROR, ErrorKind::unavailable,
            "mend name resolution on MariaDB's host, or set skip_name_resolve"},
    Meaning{ER_HANDSHAKE_ERROR, ErrorKind::unavailable, k_impostor},
    Meaning{ER_NORMAL_SHUTDOWN, ErrorKind::unavailable, k_start},
    Meaning{ER_SHUTDOWN_COMPLETE, ErrorKind::unavailable, k_start},
    Meaning{ER_FORCING_CLOSE, ErrorKind::unavailable, k_again},
    Meaning{ER_ABORTING_CONNECTION, ErrorKind::unavailable, k_again},
    Meaning{ER_NEW_ABORTING_CONNECTION, ErrorKind::unavailable, k_again},
    Meaning{ER_NET_READ_ERROR, ErrorKind::unavailable, k_again},
    Meaning{ER_NET_READ_INTERRUPTED, ErrorKind::unavailable, k_again},
    Meaning{ER_NET_ERROR_ON_WRITE, ErrorKind::unavailable, k_again},
    Meaning{ER_NET_WRITE_INTERRUPTED, ErrorKind::unavailable, k_again},
    // Galera: the node is not in the primary component, or is joining it.
    Meaning{ER_UNKNOWN_COM_ERROR, ErrorKind::unavailable,
            "wait until the Galera node is back in its cluster: SHOW STATUS LIKE 'wsrep%'"},
    // Also of Galera: the node left the primary component during the commit.
    Meaning{ER_ERROR_DURING_COMMIT, ErrorKind::unavailable,
            "see MariaDB's log and its disk, and on a Galera node: SHOW STATUS LIKE 'wsrep%'"},
    Meaning{ER_STATEMENT_TIMEOUT, ErrorKind::timed_out, "raise max_statement_time, or find out what makes it slow"},
    Meaning{ER_DBACCESS_DENIED_ERROR, ErrorKind::denied, k_grants},
    Meaning{ER_ACCESS_DENIED_ERROR, ErrorKind::denied, k_grants},
    Meaning{ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ErrorKind::denied, k_grants},
    Meaning{ER_TABLEACCESS_DENIED_ERROR, ErrorKind::denied, k_grants},
    Meaning{ER_COLUMNACCESS_DENIED_ERROR, ErrorKind::denied, k_grants},
    Meaning{ER_HOST_NOT_PRIVILEGED, ErrorKind::denied, "allow this host in MariaDB, or use its Unix socket"},
    Meaning{ER_SPECIFIC_ACCESS_DENIED_ERROR, ErrorKind::denied, "use an account that may"},
    Meaning{ER_BAD_DB_ERROR, ErrorKind::not_found, "check database_mail and database_dashboard"},
    Meaning{ER_NO_SUCH_TABLE, ErrorKind::not_found, "run: ceymail-token init"},
    Meaning{ER_BAD_FIELD_ERROR, ErrorKind::not_found, "the table is of another release; run: ceymail-token init"},
    Meaning{ER_DUP_ENTRY, ErrorKind::conflict, k_again},
    Meaning{ER_LOCK_WAIT_TIMEOUT, ErrorKind::conflict, k_again},
    Meaning{ER_LOCK_DEADLOCK, ErrorKind::conflict, k_again},
    Meaning{ER_CHECKREAD, ErrorKind::conflict, k_again},  // innodb_snapshot_isolation, on from 11.6
    Meaning{ER_OPTION_PREVENTS_STATEMENT, ErrorKind::internal, "make it writable: SET GLOBAL read_only = 0"},
};

const Meaning* meaning_of(unsigned code) noexcept {
    const auto found = std::ranges::find(k_meanings, code, &Meaning::code);
    return found == k_meanings.end() ? nullptr : &*found;
}

bool from_client_library(unsigned code) noexcept {
    return (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) || (code >= CER_MIN_ERROR && code <= CER_MAX_ERROR);
}

bool is_unreachable(unsigned code) noexcept {
    return code == CR_CONNECTION_ERROR || code == CR_CONN_HOST_ERROR || code == CR_UNKNOWN_HOST;
}

// True for errors whose text quotes values or the statement, which may contain secrets.
bool may_quote_values(unsigned code) noexcept {
    constexpr std::array k_quoting{ER_DUP_ENTRY,
                                   ER_PARSE_ERROR,
                                   ER_TRUNCATED_WRONG_VALUE,
                                   ER_DATA_TOO_LONG,
                                   ER_WRONG_VALUE,
                                   ER_TRUNCATED_WRONG_VALUE_FOR_FIELD,
                                   ER_WARN_DATA_OUT_OF_RANGE};
    return std::ranges::find(k_quoting, static_cast<int>(code)) != k_quoting.end();
}

// The library's text is "Can't connect to local server through socket '...' (2)": the number is the errno.
std::string cause(unsigned code, std::string_view text) {
    auto number = "error " + std::to_string(code);
    if (text.empty() || may_quote_values(code)) return number;
    if (const auto at = text.rfind('('); is_unreachable(code) && at != text.npos) {
        int errno_value = 0;
        const auto* const end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data() + at + 1, end, errno_value);
        const bool closed = parsed.ptr != end && *parsed.ptr == ')';
        if (parsed.ec == std::errc{} && closed && errno_value > 0) return std::strerror(errno_value);
    }
    return std::string(text) + " (" + number + ")";
}

}  // namespace

util::Error server_error(std::string_view where, std::string_view doing, unsigned code, std::string_view text) {
    const Meaning* const meaning = meaning_of(code);
    std::string message = is_unreachable(code) ? "cannot reach MariaDB at " + std::string(where)
                                               : "MariaDB at " + std::string(where) + ", " + std::string(doing);
    message += ": " + cause(code, text);
    if (meaning != nullptr) message.append("; ").append(meaning->remedy);
    return {meaning != nullptr ? meaning->kind : ErrorKind::internal, static_cast<int>(code), std::move(message)};
}

util::Error with_remedy_for_missing(util::Error error, std::string_view remedy) {
    if (error.kind != ErrorKind::not_found) return error;
    const Meaning* const meaning = meaning_of(static_cast<unsigned>(error.code));
    if (meaning != nullptr && error.message.ends_with(meaning->remedy))
        error.message.replace(error.message.size() - meaning->remedy.size(), meaning->remedy.size(), remedy);
    return error;
}

util::Error no_answer_in_time(std::string_view where, std::string_view doing) {
    return {ErrorKind::timed_out, 0,
            "MariaDB at " + std::string(where) + ", " + std::string(doing) +
                ": no answer in time; look at: systemctl status mariadb"};
}

bool ends_session(unsigned code) noexcept {
    // The server closes the connection after each of these.
    constexpr std::array k_final{
        unsigned{ER_SERVER_SHUTDOWN},         unsigned{ER_CONNECTION_KILLED},     unsigned{ER_NORMAL_SHUTDOWN},
        unsigned{ER_SHUTDOWN_COMPLETE},       unsigned{ER_FORCING_CLOSE},         unsigned{ER_ABORTING_CONNECTION},
        unsigned{ER_NEW_ABORTING_CONNECTION}, unsigned{ER_NET_READ_ERROR},        unsigned{ER_NET_READ_INTERRUPTED},
        unsigned{ER_NET_ERROR_ON_WRITE},      unsigned{ER_NET_WRITE_INTERRUPTED}, k_inactivity_timeout};
    return from_client_library(code) || std::ranges::find(k_final, code) != k_final.end();
}

}  // namespace ceymail::database
