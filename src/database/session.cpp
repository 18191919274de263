// SPDX-License-Identifier: MIT
// Session: Connector/C's non-blocking calls, driven by poll(2).
#include "ceymail/database/session.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <tuple>

#include <fcntl.h>
#include <mariadb/errmsg.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ceymail/database/double_close_guard.hpp"
#include "ceymail/database/name_lookup.hpp"
#include "ceymail/database/option_file.hpp"
#include "ceymail/database/server_error.hpp"
#include "ceymail/util/file.hpp"

#if MARIADB_PACKAGE_VERSION_ID < 30300
#include <mariadb/mysql/client_plugin.h>  // later ones include a header that is not installed
#endif

namespace ceymail::database {
namespace {

// The default of 60 KiB is small for a TLS handshake and name resolution. Unused pages cost no memory.
constexpr std::size_t k_coroutine_stack = 256 * 1024;
constexpr unsigned long k_largest_packet = 1024 * 1024;
constexpr unsigned k_quit_timeout_seconds = 1;

// The server's defaults must not change the meaning of the statements. Times are stored in UTC.
constexpr const char* k_session_settings =
    "SET SESSION autocommit = 1, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'";

// Otherwise a hostile server could make the client load any installed plug-in, or send the password in clear text.
#if MARIADB_PACKAGE_VERSION_ID >= 30300
constexpr const char* k_authentication = "mysql_native_password,client_ed25519,parsec";

void load_plugins() {}

bool restrict_authentication(MYSQL* mysql) {
    return mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, k_authentication) == 0;
}
#else
// Connector/C before 3.3.0 has no such list. Here the allowed plug-ins are loaded first; for the others the library
// looks in a directory that cannot have files. The built-in one of MySQL 4.0 is made to fail.
constexpr const char* k_loaded[] = {"client_ed25519", "parsec"};
constexpr const char* k_no_directory = "/dev/null";

using AuthenticationPlugin = st_mysql_client_plugin_AUTHENTICATION;

int refuse(MYSQL_PLUGIN_VIO*, MYSQL*) { return CR_ERROR; }

void load_plugins() {
    MYSQL* const mysql = mysql_init(nullptr);
    if (mysql == nullptr) throw std::bad_alloc();
    // One that is not installed is missing when a server asks for it.
    for (const char* const name : k_loaded)
        std::ignore = mysql_load_plugin(mysql, name, MYSQL_CLIENT_AUTHENTICATION_PLUGIN, 0);
    mysql_options(mysql, MYSQL_PLUGIN_DIR, k_no_directory);
    if (auto* const old = mysql_client_find_plugin(mysql, "mysql_old_password", MYSQL_CLIENT_AUTHENTICATION_PLUGIN))
        reinterpret_cast<AuthenticationPlugin*>(old)->authenticate_user = refuse;
    mysql_close(mysql);
}

bool restrict_authentication(MYSQL* mysql) { return mysql_options(mysql, MYSQL_PLUGIN_DIR, k_no_directory) == 0; }
#endif

constexpr std::string_view k_setting = "setting the client library's options";

// A copy that is zero-terminated, and wiped at the end.
struct WipedText {
    ~WipedText() { OPENSSL_cleanse(text.data(), text.size()); }
    std::string text;
};

// The library's message about an unreadable file does not contain its name.
util::Result<void> check_readable(const std::filesystem::path& file, std::string_view key) {
    if (auto opened = util::open_to_read(file); !opened)
        return util::fail_errno(opened.error().code, "cannot read " + std::string(key) + " " + file.string(),
                                "it must be readable by the user that connects, best in /etc/ceymail-metrics");
    return {};
}

short poll_events(int awaited) noexcept {
    int events = 0;
    if ((awaited & MYSQL_WAIT_READ) != 0) events |= POLLIN;
    if ((awaited & MYSQL_WAIT_WRITE) != 0) events |= POLLOUT;
    if ((awaited & MYSQL_WAIT_EXCEPT) != 0) events |= POLLPRI;
    return static_cast<short>(events);
}

int occurred(int awaited, short revents) noexcept {
    // After an error or a hang-up the library's own read or write reports the cause.
    if ((revents & (POLLERR | POLLHUP | POLLNVAL)) != 0) return awaited & ~MYSQL_WAIT_TIMEOUT;
    int events = 0;
    if ((revents & POLLIN) != 0) events |= MYSQL_WAIT_READ;
    if ((revents & POLLOUT) != 0) events |= MYSQL_WAIT_WRITE;
    if ((revents & POLLPRI) != 0) events |= MYSQL_WAIT_EXCEPT;
    return events;
}

}  // namespace

std::string where_is(const Address& address) {
    return address.host.empty() ? address.socket.string() : address.host + ":" + std::to_string(address.port);
}

// mysql_init() would do it without a lock.
void prepare_client_library() {
    static const bool s_ready = [] {
        if (mysql_server_init(0, nullptr, nullptr) != 0) return false;
        load_plugins();
        return true;
    }();
    if (!s_ready) throw std::bad_alloc();
}

Session::Session(std::string where) : m_where(std::move(where)) {
    prepare_client_library();
    m_mysql = mysql_init(nullptr);
    if (m_mysql == nullptr) throw std::bad_alloc();
}

Session::~Session() { mysql_close(m_mysql); }

util::Result<std::unique_ptr<Session>> Session::open(const Address& address, util::BootTime deadline) {
    auto session = std::make_unique<Session>(where_is(address));
    CEYMAIL_TRY(session->set_options(address, deadline));
    CEYMAIL_TRY(session->connect(address, deadline));
    return session;
}

util::Result<void> Session::set_options(const Address& address, util::BootTime deadline) {
    constexpr unsigned k_off = 0;
    const auto connect_seconds = static_cast<unsigned>(std::max(1, util::remaining_ms(deadline) / 1000 + 1));
    bool failed = mysql_options(m_mysql, MYSQL_OPT_NONBLOCK, &k_coroutine_stack) != 0;
    failed |= mysql_options(m_mysql, MYSQL_OPT_LOCAL_INFILE, &k_off) != 0;
    failed |= mysql_options(m_mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds) != 0;
    failed |= mysql_options(m_mysql, MYSQL_OPT_WRITE_TIMEOUT, &k_quit_timeout_seconds) != 0;
    failed |= mysql_options(m_mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &k_largest_packet) != 0;
    failed |= mysql_options(m_mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4") != 0;
    if (mysql_options(m_mysql, MYSQL_INIT_COMMAND, k_session_settings) != 0) {
        // Connector/C may have freed the list without forgetting it, and mysql_close() would free it again.
        m_mysql->options.init_command = nullptr;
        failed = true;
    }
    failed |= !restrict_authentication(m_mysql);
    if (failed) return failure(k_setting);
    return set_tls(address);
}

// Sets the options in both cases, because the library's defaults differ: 3.4 uses TLS by default, and needs no CA where
// the password authenticates the server.
util::Result<void> Session::set_tls(const Address& address) {
    const my_bool wanted = address.host.empty() || address.tls.ca.empty() ? 0 : 1;
    bool failed = false;
    if (wanted != 0) {
        const auto& [ca, certificate, key] = address.tls;
        CEYMAIL_TRY(check_readable(ca, "database_tls_ca"));
        failed |= mysql_options(m_mysql, MYSQL_OPT_SSL_CA, ca.c_str()) != 0;
        if (!certificate.empty()) {
            CEYMAIL_TRY(check_readable(certificate, "database_tls_certificate"));
            CEYMAIL_TRY(check_private_file(key, "database_tls_key"));
            failed |= mysql_options(m_mysql, MYSQL_OPT_SSL_CERT, certificate.c_str()) != 0;
            failed |= mysql_options(m_mysql, MYSQL_OPT_SSL_KEY, key.c_str()) != 0;
        }
    }
    failed |= mysql_options(m_mysql, MYSQL_OPT_SSL_ENFORCE, &wanted) != 0;
    failed |= mysql_options(m_mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &wanted) != 0;
    if (failed) return failure(k_setting);
    return {};
}

// The library reads no option file, so only the password of ours has an effect.
util::Result<void> Session::connect(const Address& address, util::BootTime deadline) {
    constexpr std::string_view k_doing = "connecting";
    CEYMAIL_TRY(check_deadline(k_doing, deadline));
    const bool local = address.host.empty();
    if (!local) CEYMAIL_TRY(look_up(address.host, deadline));
    WipedText password;
    if (!address.option_file.empty()) {
        CEYMAIL_TRY_ASSIGN(const util::Secret secret, read_password(address.option_file, address.option_file_key));
        password.text = secret.reveal();
    }
    std::optional<DoubleCloseGuard> double_close_guard;
    if (local) double_close_guard.emplace();
    MYSQL* const connected = call(mysql_real_connect_start, mysql_real_connect_cont, deadline, m_mysql,
                                  local ? "localhost" : address.host.c_str(), address.user.c_str(),
                                  password.text.c_str(), static_cast<const char*>(nullptr),
                                  local ? 0U : unsigned{address.port}, local ? address.socket.c_str() : nullptr, 0UL);
    if (connected == nullptr) return failure(k_doing);
    if (!local && !address.tls.ca.empty() && mysql_get_ssl_cipher(m_mysql) == nullptr) {
        m_usable = false;
        return util::fail(util::ErrorKind::unavailable,
                          "MariaDB at " + m_where + ", connecting: it answers without TLS; turn TLS on there");
    }
    ::fcntl(mysql_get_socket(m_mysql), F_SETFD, FD_CLOEXEC);
    return {};
}

int Session::await(int awaited, util::BootTime deadline) noexcept {
    for (;;) {
        const int socket = mysql_get_socket(m_mysql);
        const int left_ms = util::remaining_ms(deadline);
        pollfd event{socket, poll_events(awaited), 0};
        const int ready = m_overdue || left_ms == 0 ? 0 : ::poll(&event, 1, left_ms);
        if (ready > 0) return occurred(awaited, event.revents);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0 && !m_overdue && util::remaining_ms(deadline) > 0) continue;  // remaining_ms() has a cap
        m_overdue = true;
        m_usable = false;
        ::shutdown(socket, SHUT_RDWR);
        return MYSQL_WAIT_TIMEOUT;
    }
}

util::Result<void> Session::check_deadline(std::string_view doing, util::BootTime deadline) const {
    if (util::remaining_ms(deadline) > 0) return {};
    return std::unexpected(no_answer_in_time(m_where, doing));
}

std::unexpected<util::Error> Session::failure(std::string_view doing, MYSQL_STMT* statement) {
    if (m_overdue) return std::unexpected(no_answer_in_time(m_where, doing));
    // The library stores an error that comes instead of a row in the session, and not in the statement.
    if (statement != nullptr && mysql_stmt_errno(statement) == 0) statement = nullptr;
    const unsigned code = statement != nullptr ? mysql_stmt_errno(statement) : mysql_errno(m_mysql);
    if (ends_session(code)) m_usable = false;
    const char* const text = statement != nullptr ? mysql_stmt_error(statement) : mysql_error(m_mysql);
    return std::unexpected(server_error(m_where, doing, code, text));
}

}  // namespace ceymail::database
