// SPDX-License-Identifier: MIT
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/journal/journal.hpp"
#include "ceymail/maillog/busiest_account.hpp"
#include "ceymail/maillog/open_log.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/system/system_calls.hpp"

namespace ceymail::doctor {

namespace {

constexpr const char* k_part = "busiest sender";
constexpr std::uint64_t k_most_bytes = 256U << 20U;      // of the log; less than a second
constexpr std::uint64_t k_most_of_journal = 32U << 20U;  // each of three times; half a second
constexpr std::size_t k_longest_name = 64;

std::string counted(std::uint64_t number, const std::string& noun) {
    return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

std::string period_of(const maillog::BusiestAccount& busiest) {
    if (!busiest.is_whole_hour)
        return "by the last " + std::to_string(k_most_bytes >> 20U) +
               " MiB of the log, which do not reach an hour back";
    if (busiest.period == std::chrono::hours(1)) return "within the last hour";
    return "within the last " + counted(static_cast<std::uint64_t>(busiest.period.count()), "minute") +
           ", because the journal has too many lines of the hour";
}

std::string words_for(const maillog::BusiestAccount& busiest) {
    const auto period = period_of(busiest);
    if (busiest.account.empty()) return "no account handed in mail " + period;
    return quoted_for_terminal(busiest.account, k_longest_name) + " handed in " + counted(busiest.messages, "message") +
           " " + period + "; " + counted(busiest.accounts, "account") + " handed in mail";
}

// The lines were written by strangers, so they are parsed without a right and a capability.
util::Result<void> give_up_rights(const config::Configuration& configuration, util::Result<void> (*limit_calls)()) {
    ::tzset();  // the time zone is in a file
    CEYMAIL_TRY(system::become(configuration.user, system::Capability::none));
    system::forbid_dumps();
    const auto limited = limit_calls();
    return limited || limited.error().kind == util::ErrorKind::unavailable ? util::Result<void>() : limited;
}

// Returns: none where there is no log; "collector mail_log" and "mail log" tell of it.
util::Result<std::optional<maillog::BusiestAccount>> find_in_files(const config::Configuration& configuration,
                                                                   std::chrono::sys_seconds now) {
    const auto files = maillog::open_log_files(configuration.mail_log);
    if (!files || files->empty()) return std::nullopt;
    CEYMAIL_TRY(give_up_rights(configuration, system::allow_calls_of_log_reader));
    return maillog::find_busiest_account(*files, now, k_most_bytes);
}

util::Result<std::optional<maillog::BusiestAccount>> find_in_journal(const config::Configuration& configuration,
                                                                     std::chrono::sys_seconds now) {
    journal::Journal journal(configuration.journal_directory.string(), journal::Journal::Files::kept_open);
    if (!journal.open()) return std::nullopt;
    CEYMAIL_TRY(give_up_rights(configuration, system::forbid_calls_of_journal_reader));
    return maillog::find_busiest_account(journal, now, k_most_of_journal);
}

}  // namespace

std::string quoted_for_terminal(std::string_view text, std::size_t longest) {
    std::string quoted = "\"";
    for (const char c : text.substr(0, longest)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte <= 0x7e && c != '\\' && c != '"') {
            quoted += c;
            continue;
        }
        char escape[5];
        std::snprintf(escape, sizeof escape, "\\x%02x", byte);
        quoted += escape;
    }
    return quoted + (text.size() > longest ? "\"..." : "\"");
}

void check_busiest_sender(CheckReport& report, const config::Configuration& configuration) {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const auto busiest =
        is_journal(configuration) ? find_in_journal(configuration, now) : find_in_files(configuration, now);
    if (!busiest) return report.bad(k_part, busiest.error().message);
    if (*busiest) report.ok(k_part, words_for(**busiest));
}

}  // namespace ceymail::doctor
