// SPDX-License-Identifier: MIT
#include <array>
#include <filesystem>
#include <memory>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/journal/journal.hpp"
#include "ceymail/maillog/open_log.hpp"

namespace ceymail::doctor {

namespace {

using config::Configuration;
using config::MailLogSource;

// Returns: whether the end of the journal can be found, with the rights of this process.
util::Result<void> look_at_journal(const Configuration& configuration) {
    const auto space = std::make_unique<std::array<std::byte, journal::Journal::k_space>>();
    journal::Journal journal(configuration.journal_directory.string());
    CEYMAIL_TRY(journal.read({}, *space, 0));
    return {};
}

}  // namespace

std::string source_of_mail_log(const Configuration& configuration) {
    const auto source = config::mail_log_source(configuration);
    if (source == MailLogSource::journal) return "the journal";
    return configuration.mail_log.string() + (source == MailLogSource::file_or_journal ? " or the journal" : "");
}

bool is_journal(const Configuration& configuration) {
    const auto source = config::mail_log_source(configuration);
    std::error_code ignored;
    return source == MailLogSource::journal ||
           (source == MailLogSource::file_or_journal && !std::filesystem::exists(configuration.mail_log, ignored));
}

util::Result<void> open_mail_log(const Configuration& configuration) {
    const bool must_have_journal = config::mail_log_source(configuration) == MailLogSource::journal;
    if (is_journal(configuration)) {
        const auto looked = look_at_journal(configuration);
        if (!looked && (must_have_journal || looked.error().kind != util::ErrorKind::not_found))
            return std::unexpected(looked.error());
    } else {
        CEYMAIL_TRY(maillog::open_log_files(configuration.mail_log));
    }
    if (!configuration.fail2ban_log.empty()) CEYMAIL_TRY(maillog::open_log_files(configuration.fail2ban_log));
    return {};
}

void check_mail_log(CheckReport& report, const Configuration& configuration) {
    const auto& log = configuration.mail_log;
    std::error_code ignored;
    if (log.empty() || (log.is_absolute() && std::filesystem::exists(log, ignored))) return;
    if (config::mail_log_source(configuration) != MailLogSource::file && look_at_journal(configuration))
        return report.ok("mail log", log.is_absolute() ? "there is no " + log.string() + "; read from the journal"
                                                       : "read from the journal");
    if (log.is_absolute())
        report.warn("mail log", "there is no " + log.string() +
                                    ", so nothing is counted from it: it comes with the first line that rsyslog "
                                    "writes; install rsyslog, or name the file by mail_log (mail_log = turns it off)");
}

}  // namespace ceymail::doctor
