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

// Errors of one kind that have one remedy.
struct Meaning {
    template <class... Codes>
    constexpr Meaning(ErrorKind its_kind, std::string_view its_remedy, Codes... its_codes)
        : kind(its_kind), remedy(its_remedy), codes{static_cast<unsigned>(its_codes)...} {}

    ErrorKind kind;
    std::string_view remedy;
    std::array<unsigned, 11> codes;  // 0: no more
};

constexpr std::string_view k_again = "try again";

// The kind decides whether the grace applies to a scrape (admission::TokenCheck). It applies to unavailable, timed_out
// and conflict: MariaDB cannot work now. It does not apply to denied, not_found and internal: an administrator must
// repair something. A read-only server (1290, 1836) is internal: it answers the token's SELECT, and refuses all
// changes.
constexpr Meaning k_meanings[] = {
    {ErrorKind::unavailable, "start it with: systemctl start mariadb", CR_CONNECTION_ERROR, CR_SERVER_GONE_ERROR,
     CR_SERVER_LOST, CR_SERVER_LOST_EXTENDED, k_read_error, k_write_error, ER_SERVER_SHUTDOWN, ER_NORMAL_SHUTDOWN,
     ER_SHUTDOWN_COMPLETE},
    {ErrorKind::unavailable, "check database_host, database_port and the firewall", CR_CONN_HOST_ERROR},
    {ErrorKind::unavailable, "check database_host", CR_UNKNOWN_HOST},
    {ErrorKind::unavailable, "is it MariaDB that listens there?", CR_SERVER_HANDSHAKE_ERR, CR_VERSION_ERROR,
     CR_NET_PACKET_TOO_LARGE, CR_MALFORMED_PACKET, ER_HANDSHAKE_ERROR},
    {ErrorKind::unavailable, "MariaDB must have TLS on, with a certificate of database_tls_ca that names database_host",
     CR_SSL_CONNECTION_ERROR},
    {ErrorKind::unavailable, "this process is out of memory or of descriptors", CR_OUT_OF_MEMORY,
     CR_SOCKET_CREATE_ERROR, CR_IPSOCK_ERROR},
    {ErrorKind::denied, "give the account unix_socket, mysql_native_password or ed25519 authentication",
     CR_AUTH_PLUGIN_CANNOT_LOAD},
    {ErrorKind::unavailable, "raise max_connections or end idle sessions", ER_CON_COUNT_ERROR,
     ER_TOO_MANY_USER_CONNECTIONS},
    {ErrorKind::unavailable, "raise the account's resource limits", ER_USER_LIMIT_REACHED},
    {ErrorKind::unavailable, "run: mariadb-admin flush-hosts", ER_HOST_IS_BLOCKED},
    {ErrorKind::unavailable, k_again, ER_CONNECTION_KILLED, k_inactivity_timeout, ER_TOO_MANY_CONCURRENT_TRXS,
     ER_QUERY_INTERRUPTED, ER_FORCING_CLOSE, ER_ABORTING_CONNECTION, ER_NEW_ABORTING_CONNECTION, ER_NET_READ_ERROR,
     ER_NET_READ_INTERRUPTED, ER_NET_ERROR_ON_WRITE, ER_NET_WRITE_INTERRUPTED},
    {ErrorKind::unavailable, "MariaDB is out of memory: see its log, and free some", ER_OUTOFMEMORY,
     ER_OUT_OF_SORTMEMORY, ER_OUT_OF_RESOURCES},
    {ErrorKind::unavailable, "raise MariaDB's limit of threads (TasksMax=) or free memory", ER_CANT_CREATE_THREAD},
    {ErrorKind::unavailable, "raise max_prepared_stmt_count, or end the sessions that leave statements prepared",
     ER_MAX_PREPARED_STMT_COUNT_REACHED},
    {ErrorKind::unavailable, "raise innodb_buffer_pool_size", ER_LOCK_TABLE_FULL},
    {ErrorKind::unavailable, "make room on MariaDB's disk", ER_DISK_FULL, ER_RECORD_FILE_FULL},
    // ER_CANT_OPEN_FILE is not a missing table: for that InnoDB has 1146 and 1932.
    {ErrorKind::unavailable, "see MariaDB's log and its disk", ER_CANT_OPEN_FILE, ER_ERROR_ON_READ, ER_ERROR_ON_WRITE,
     ER_GET_ERRNO},
    {ErrorKind::unavailable, "raise table_definition_cache", ER_NEED_REPREPARE},
    {ErrorKind::unavailable, "mend name resolution on MariaDB's host, or set skip_name_resolve", ER_BAD_HOST_ERROR},
    // Galera: the node is not in the primary component, or is joining it.
    {ErrorKind::unavailable, "wait until the Galera node is back in its cluster: SHOW STATUS LIKE 'wsrep%'",
     ER_UNKNOWN_COM_ERROR},
    // Also of Galera: the node left the primary component during the commit.
    {ErrorKind::unavailable, "see MariaDB's log and its disk, and on a Galera node: SHOW STATUS LIKE 'wsrep%'",
     ER_ERROR_DURING_COMMIT},
    {ErrorKind::timed_out, "raise max_statement_time, or find out what makes it slow", ER_STATEMENT_TIMEOUT},
    {ErrorKind::denied, "set up the account and its grants with: sudo ceymail-token init", ER_DBACCESS_DENIED_ERROR,
     ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR, ER_TABLEACCESS_DENIED_ERROR,
     ER_COLUMNACCESS_DENIED_ERROR},
    {ErrorKind::denied, "allow this host in MariaDB, or use its Unix socket", ER_HOST_NOT_PRIVILEGED},
    {ErrorKind::denied, "use an account that may", ER_SPECIFIC_ACCESS_DENIED_ERROR},
    {ErrorKind::not_found, "check database_mail and database_dashboard", ER_BAD_DB_ERROR},
    {ErrorKind::not_found, "run: ceymail-token init", ER_NO_SUCH_TABLE},
    {ErrorKind::not_found, "the table is of another release; run: ceymail-token init", ER_BAD_FIELD_ERROR},
    // ER_CHECKREAD: innodb_snapshot_isolation, on from 11.6.
    {ErrorKind::conflict, k_again, ER_DUP_ENTRY, ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, ER_CHECKREAD},
    {ErrorKind::internal, "make it writable: SET GLOBAL read_only = 0", ER_OPTION_PREVENTS_STATEMENT},
};

const Meaning* meaning_of(unsigned code) noexcept {
    const auto* const found = std::ranges::find_if(k_meanings, [code](const Meaning& meaning) {
        return code != 0 && std::ranges::find(meaning.codes, code) != meaning.codes.end();
    });
    return found == std::end(k_meanings) ? nullptr : found;
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
