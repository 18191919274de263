// SPDX-License-Identifier: MIT
// Database error numbers, their kinds and remedies.
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

constexpr unsigned k_inactivity_timeout = 4031;  // newer than the header

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

constexpr std::array k_meanings{
    Meaning{CR_CONNECTION_ERROR, ErrorKind::unavailable, k_start},
    Meaning{CR_CONN_HOST_ERROR, ErrorKind::unavailable, "check database_host, database_port and the firewall"},
    Meaning{CR_UNKNOWN_HOST, ErrorKind::unavailable, "check database_host"},
    Meaning{CR_SERVER_GONE_ERROR, ErrorKind::unavailable, k_start},
    Meaning{CR_SERVER_LOST, ErrorKind::unavailable, k_start},
    Meaning{CR_SERVER_HANDSHAKE_ERR, ErrorKind::unavailable, k_impostor},
    Meaning{CR_SSL_CONNECTION_ERROR, ErrorKind::unavailable, "check the ssl-* lines of database_option_file"},
    Meaning{CR_SERVER_LOST_EXTENDED, ErrorKind::unavailable, k_start},
    Meaning{CR_VERSION_ERROR, ErrorKind::unavailable, k_impostor},
    Meaning{CR_NET_PACKET_TOO_LARGE, ErrorKind::unavailable, k_impostor},
    Meaning{CR_MALFORMED_PACKET, ErrorKind::unavailable, k_impostor},
    Meaning{CR_AUTH_PLUGIN_CANNOT_LOAD, ErrorKind::denied,
            "give the account unix_socket, mysql_native_password or ed25519 authentication"},
    Meaning{ER_CON_COUNT_ERROR, ErrorKind::unavailable, k_connections},
    Meaning{ER_TOO_MANY_USER_CONNECTIONS, ErrorKind::unavailable, k_connections},
    Meaning{ER_USER_LIMIT_REACHED, ErrorKind::unavailable, "raise the account's resource limits"},
    Meaning{ER_SERVER_SHUTDOWN, ErrorKind::unavailable, k_start},
    Meaning{ER_HOST_IS_BLOCKED, ErrorKind::unavailable, "run: mariadb-admin flush-hosts"},
    Meaning{ER_CONNECTION_KILLED, ErrorKind::unavailable, k_again},
    Meaning{k_inactivity_timeout, ErrorKind::unavailable, k_again},
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
    Meaning{ER_STATEMENT_TIMEOUT, ErrorKind::internal, "raise max_statement_time, or find out what makes it slow"},
    Meaning{ER_OPTION_PREVENTS_STATEMENT, ErrorKind::internal, "make it writable: SET GLOBAL read_only = 0"},
};

const Meaning* meaning_of(unsigned code) noexcept {
    const auto found = std::ranges::find(k_meanings, code, &Meaning::code);
    return found == k_meanings.end() ? nullptr : &*found;
}

bool from_client_library(unsigned code) noexcept {
    return (code >= CR_MIN_ERROR && code <= CR_MAX_ERROR) || (code >= CER_MIN_ERROR && code <= CER_MAX_ERROR);
}

bool never_reached(unsigned code) noexcept {
    return code == CR_CONNECTION_ERROR || code == CR_CONN_HOST_ERROR || code == CR_UNKNOWN_HOST;
}

// These quote values or the statement, in which there may be secrets.
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

// The library says "Can't connect to local server through socket '...' (2)": the number is the errno.
std::string cause(unsigned code, std::string_view words) {
    auto number = "error " + std::to_string(code);
    if (words.empty() || may_quote_values(code)) return number;
    if (const auto at = words.rfind('('); never_reached(code) && at != words.npos) {
        int errno_value = 0;
        const auto* const end = words.data() + words.size();
        const auto parsed = std::from_chars(words.data() + at + 1, end, errno_value);
        const bool closed = parsed.ptr != end && *parsed.ptr == ')';
        if (parsed.ec == std::errc{} && closed && errno_value > 0) return std::strerror(errno_value);
    }
    return std::string(words) + " (" + number + ")";
}

}  // namespace

util::Error server_error(std::string_view where, std::string_view doing, unsigned code, std::string_view words) {
    const Meaning* const meaning = meaning_of(code);
    std::string message = never_reached(code) ? "cannot reach MariaDB at " + std::string(where)
                                              : "MariaDB at " + std::string(where) + ", " + std::string(doing);
    message += ": " + cause(code, words);
    if (meaning != nullptr) message.append("; ").append(meaning->remedy);
    return {meaning != nullptr ? meaning->kind : ErrorKind::internal, static_cast<int>(code), std::move(message)};
}

util::Error no_answer_in_time(std::string_view where, std::string_view doing) {
    return {ErrorKind::timed_out, 0,
            "MariaDB at " + std::string(where) + ", " + std::string(doing) +
                ": no answer in time; look at: systemctl status mariadb"};
}

bool ends_session(unsigned code) noexcept {
    return from_client_library(code) || code == ER_SERVER_SHUTDOWN || code == ER_CONNECTION_KILLED ||
           code == k_inactivity_timeout;
}

}  // namespace ceymail::database
