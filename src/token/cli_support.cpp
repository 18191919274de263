// SPDX-License-Identifier: MIT
#include "ceymail/token/cli_support.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

#include <pwd.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/database/galera_node.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/token/secret_file.hpp"

namespace ceymail::token {
namespace {

std::string system_user() {
    const passwd* const entry = ::getpwuid(::geteuid());
    return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

// A database that answers too late is unavailable to the administrator; after a conflict the command can be repeated.
int exit_code(util::ErrorKind kind) {
    if (kind == util::ErrorKind::timed_out) return EX_UNAVAILABLE;
    if (kind == util::ErrorKind::conflict) return EX_TEMPFAIL;
    return system::exit_code_of(kind);
}

}  // namespace

util::BootTime command_deadline() { return util::BootClock::now() + std::chrono::seconds(20); }

std::string invoking_user() {
    const char* const behind = ::geteuid() == 0 ? std::getenv("SUDO_USER") : nullptr;
    if (behind == nullptr || *behind == '\0') return system_user();
    return system_user() + " (sudo by " + std::string(behind).substr(0, 32) + ")";
}

database::Address administrator(const Options& options, const config::Configuration& configuration) {
    return database::address_of(configuration, options.database_user.empty() ? system_user() : options.database_user,
                                options.database_option_file, "--database-option-file");
}

std::string workers_account(const Options& options, const config::Configuration& configuration) {
    const bool own = administrator(options, configuration).user == configuration.database_user;
    return own ? std::string() : configuration.database_user;
}

util::Result<void> forget_remembered_token(const config::Configuration& configuration) {
    auto segment = shared::Segment::open_existing(configuration.runtime_directory);
    if (!segment && segment.error().kind == util::ErrorKind::not_found) return {};
    if (!segment)
        return util::fail(segment.error().kind,
                          "the responder's memory of the token cannot be cleared: " + segment.error().message +
                              "; stop ceymail-metrics, remove " +
                              (configuration.runtime_directory / "segment").string() + " and start it again");
    admission::VerifiedToken(segment->layout().verified).clear();
    return {};
}

void explain_cluster(database::Connection& connection, const config::Configuration& configuration) {
    constexpr std::chrono::seconds k_wait{2};  // the change is made and shown; only these words are left
    auto status = database::galera_status(connection);
    const auto node = database::read_galera_node(status, util::BootClock::now() + k_wait);
    if (!node || !*node) return;
    const std::string grace = std::to_string(configuration.auth_grace.count());
    print_message(
        "the other hosts of this Galera cluster refuse it from their next scrape on, where the node is primary and "
        "applies changes; elsewhere after their auth_grace (here " +
        grace + " s) at the latest");
}

void print_message(std::string_view words) {
    (void)write_all(STDERR_FILENO, {"ceymail-token: ", words, "\n"}, "standard error");
}

int answer(const std::string& line) {
    const auto written = write_all(STDOUT_FILENO, {line, "\n"}, "standard output");
    if (!written) print_message(written.error().message);
    return written ? EX_OK : EX_IOERR;
}

int report_error(const util::Error& error) {
    print_message(error.message);
    return exit_code(error.kind);
}

int report_error(const util::Error& error, const Options& options) {
    const int code = report_error(error);
    if (error.kind == util::ErrorKind::denied)
        print_message("the account used was " +
                      (options.database_user.empty() ? system_user() : options.database_user) +
                      ": run this as root, or name an administrator by --database-user and --database-option-file");
    return code;
}

std::string json(std::string_view text) {
    std::string quoted = "\"";
    for (const char c : text) {
        std::array<char, 8> escape{};
        if (c == '"' || c == '\\')
            quoted.append("\\").append(1, c);
        else if (static_cast<unsigned char>(c) < 0x20)
            quoted.append(escape.data(), static_cast<std::size_t>(std::snprintf(escape.data(), escape.size(), "\\u%04x",
                                                                                static_cast<unsigned>(c))));
        else
            quoted += c;
    }
    return quoted += '"';
}

std::string json(const std::optional<std::uint64_t>& number) { return number ? std::to_string(*number) : "null"; }

}  // namespace ceymail::token
