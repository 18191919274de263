// SPDX-License-Identifier: MIT
#include "ceymail/doctor/log_settings.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <sys/stat.h>

#include "ceymail/collect/postfix_settings.hpp"
#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::doctor {

namespace {

namespace fs = std::filesystem;

using collect::PostfixSettings;
using Service = PostfixSettings::Service;

constexpr const char* k_reload = " && postfix reload";
constexpr const char* k_restart = " && systemctl restart ceymail-metrics";

// Quotes a word for a shell.
std::string shell_word(std::string_view word) {
    constexpr std::string_view k_plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._@+=:,-";
    if (!word.empty() && word.find_first_not_of(k_plain) == word.npos) return std::string(word);
    std::string quoted = "'";
    for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
    return quoted + "'";
}

// Quotes what stands between the second # and the third of sed's s#...#...#.
std::string replacement(std::string_view text) {
    std::string quoted;
    for (const char c : text) {
        if (c == '#' || c == '&' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted;
}

std::string text_of(const fs::path& file) { return util::read_file(file).value_or(std::string()); }

// The files of a directory whose names end so, in the order of their names.
std::vector<fs::path> files_in(const fs::path& directory, std::string_view end) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error))
        if (entry.path().native().ends_with(end)) files.push_back(entry.path());
    std::ranges::sort(files);
    return files;
}

struct Value {
    std::string text;
    fs::path file;
};

// Returns: the last value of `key` in files of lines "key = value"; none where it is not set.
std::optional<Value> last_value(const std::vector<fs::path>& files, std::string_view key) {
    std::optional<Value> found;
    for (const auto& file : files) {
        const auto text = text_of(file);
        for (const auto line : util::lines_of(text)) {
            const auto equals = line.find('=');
            if (equals != line.npos && util::trimmed(line.substr(0, equals)) == key)
                found = Value{std::string(util::trimmed(line.substr(equals + 1))), file};
        }
    }
    return found;
}

// A command that sets a key of this program's configuration, which names a key once at most.
std::string command_to_set(const fs::path& file, const std::string& key, const std::string& value) {
    const auto line = key + " = " + value;
    if (last_value({file}, key))
        return "sed -i " + shell_word("s#^[[:blank:]]*" + key + "[[:blank:]]*=.*#" + replacement(line) + "#") + " " +
               shell_word(file.native()) + k_restart;
    return "echo " + shell_word(line) + " >>" + shell_word(file.native()) + k_restart;
}

// --- Postfix ---------------------------------------------------------------------------------------------------------

// Which connections a metric counts, and the settings that Postfix logs them by.
struct TlsSide {
    std::string_view command;
    std::string series;
    std::string loglevel;
    std::vector<std::string_view> switches;  // "yes": TLS is on
    std::string security_level;
};

bool uses_tls(const PostfixSettings& postfix, const Service& service, const TlsSide& side) {
    const auto level = postfix.value(service, side.security_level);
    if (!level.empty() && level != "none") return true;
    return std::ranges::any_of(side.switches,
                               [&](std::string_view name) { return postfix.value(service, name) == "yes"; });
}

// Postfix's default is 0. What is no number is left to Postfix.
bool is_silent(const PostfixSettings& postfix, const Service& service, const TlsSide& side) {
    const auto level = postfix.value(service, side.loglevel);
    return level.empty() || level == "0";
}

std::string joined(const std::vector<std::string>& words, const char* between) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : between) + word;
    return text;
}

std::string command_for(const Service& service, const TlsSide& side) {
    if (!service.overrides.contains(side.loglevel)) return "postconf -e " + side.loglevel + "=1";
    return "postconf -P " + shell_word(service.name + "/" + side.loglevel + "=1");
}

void add_tls(std::vector<std::string>& warnings, const PostfixSettings& postfix, const TlsSide& side) {
    std::vector<std::string> silent;  // names of services
    std::vector<std::string> commands;
    std::size_t with_tls = 0;
    for (const auto& service : postfix.services()) {
        if (service.command != side.command || !uses_tls(postfix, service, side)) continue;
        ++with_tls;
        if (!is_silent(postfix, service, side)) continue;
        silent.push_back(service.name);
        auto command = command_for(service, side);
        if (std::ranges::find(commands, command) == commands.end()) commands.push_back(std::move(command));
    }
    if (silent.empty()) return;
    const auto what = silent.size() == with_tls ? side.series + " is absent: Postfix does not log these connections (" +
                                                      side.loglevel + " is 0)"
                                                : side.series + " lacks connections of " + joined(silent, ", ") +
                                                      ": Postfix does not log them (" + side.loglevel + " is 0 there)";
    warnings.push_back(what + "; run: " + joined(commands, " && ") + k_reload);
}

// With maillog_file Postfix's own postlogd(8) writes the log, and syslog gets nothing.
void add_maillog_file(std::vector<std::string>& warnings, const PostfixSettings& postfix,
                      const config::Configuration& configuration, const SettingsPaths& paths) {
    const auto file = postfix.value("maillog_file");
    if (file.empty() || file == configuration.mail_log) return;
    const auto what = "Postfix writes its log to " + file + " (maillog_file) and not to " +
                      configuration.mail_log.string() + ", so no ceymail_mail metric counts it";
    if (file.starts_with("/dev/"))
        return warnings.push_back(what + "; run: postconf -e maillog_file= && systemctl restart postfix");
    warnings.push_back(what + "; run: " + command_to_set(paths.metrics, "mail_log", file));
}

// Whether the file system keeps birth times. Source: statx(2).
bool keeps_birth_times(const fs::path& directory) {
    struct statx status{};
    if (::statx(AT_FDCWD, directory.c_str(), 0, STATX_BTIME, &status) != 0) return true;  // "collector queue" tells
    return (status.stx_mask & STATX_BTIME) != 0;
}

void add_queue_ids(std::vector<std::string>& warnings, const PostfixSettings& postfix,
                   const config::Configuration& configuration) {
    if (postfix.value("enable_long_queue_ids") == "yes") return;
    for (const auto& directory : configuration.queue_directories) {
        if (keeps_birth_times(directory)) continue;
        warnings.push_back(
            "the age of deferred messages (ceymail_queue_deferred_older_than) is not known: the file "
            "system of " +
            directory.string() +
            " keeps no birth times, and the queue ids are short; run: postconf -e "
            "enable_long_queue_ids=yes" +
            k_reload);
        return;
    }
}

bool add_postfix(std::vector<std::string>& warnings, const config::Configuration& configuration,
                 const SettingsPaths& paths) {
    const auto main_cf = util::read_file(paths.postfix / "main.cf");
    if (!main_cf) return false;
    const auto postfix = PostfixSettings::parse(*main_cf, text_of(paths.postfix / "master.cf"));
    add_maillog_file(warnings, postfix, configuration, paths);
    add_tls(warnings, postfix,
            {.command = "smtpd",
             .series = "ceymail_mail_tls_total{direction=\"inbound\"}",
             .loglevel = "smtpd_tls_loglevel",
             .switches = {"smtpd_use_tls", "smtpd_enforce_tls", "smtpd_tls_wrappermode"},
             .security_level = "smtpd_tls_security_level"});
    add_tls(warnings, postfix,
            {.command = "smtp",
             .series = "ceymail_mail_tls_total{direction=\"outbound\"}",
             .loglevel = "smtp_tls_loglevel",
             .switches = {"smtp_use_tls", "smtp_enforce_tls"},
             .security_level = "smtp_tls_security_level"});
    add_queue_ids(warnings, postfix, configuration);
    return true;
}

// --- rsyslog, Dovecot, spamd, Fail2ban -------------------------------------------------------------------------------

void add_rsyslog(std::vector<std::string>& warnings, const fs::path& etc) {
    constexpr std::string_view k_directive = "$RepeatedMsgReduction";
    auto files = files_in(etc / "rsyslog.d", ".conf");
    files.insert(files.begin(), etc / "rsyslog.conf");
    for (const auto& file : files) {
        const auto text = text_of(file);
        const bool is_on = std::ranges::any_of(util::lines_of(text), [&](std::string_view line) {
            line = util::trimmed(line);
            return util::equals_ignoring_case(line.substr(0, k_directive.size()), k_directive) &&
                   util::equals_ignoring_case(util::trimmed(line.substr(k_directive.size())), "on");
        });
        if (!is_on) continue;
        warnings.push_back(
            "rsyslog writes a repeated line once and its number when another line follows "
            "($RepeatedMsgReduction on in " +
            file.string() +
            "), so repeated login failures and warnings are counted late, at most 10,000 of one; run: "
            "sed -i 's/^[[:blank:]]*$RepeatedMsgReduction[[:blank:]].*/$RepeatedMsgReduction off/I' " +
            shell_word(file.native()) + " && systemctl restart rsyslog");
    }
}

void add_dovecot(std::vector<std::string>& warnings, const fs::path& etc) {
    const auto directory = etc / "dovecot";
    auto files = files_in(directory / "conf.d", ".conf");
    files.insert(files.begin(), directory / "dovecot.conf");
    files.push_back(directory / "local.conf");
    for (const auto* const key : {"info_log_path", "log_path"}) {
        const auto path = last_value(files, key);
        // Without a value of its own info_log_path is log_path.
        if (!path || path->text.empty() || path->text.starts_with('#')) continue;
        if (path->text == "syslog") return;
        warnings.push_back("Dovecot writes to " + path->text + " (" + key + " in " + path->file.string() +
                           ") and not to the mail log, so ceymail_mail_authentications_total counts no login of IMAP, "
                           "POP3 and Sieve; run: echo '" +
                           key + " = syslog' >>" + shell_word((directory / "local.conf").native()) +
                           " && systemctl restart dovecot");
        return;
    }
}

// Returns: where spamd logs to: the value of -s or --syslog; none: to the mail log.
std::string log_option_of_spamd(std::string_view options) {
    std::string found;
    bool is_next = false;
    for (auto rest = util::trimmed(options); !rest.empty();) {
        const auto word = rest.substr(0, rest.find_first_of(" \t"));
        rest = util::trimmed(rest.substr(word.size()));
        if (is_next) found = word;
        is_next = word == "-s" || word == "--syslog";
        if (word.starts_with("--syslog=")) found = word.substr(9);
        if (word.starts_with("-s") && word.size() > 2) found = word.substr(2);
    }
    return found == "mail" ? std::string() : found;
}

void add_spamd(std::vector<std::string>& warnings, const fs::path& etc) {
    for (const auto* const unit : {"spamd", "spamassassin"}) {
        const auto file = etc / "default" / unit;
        const auto options = last_value({file}, "OPTIONS");
        if (!options) continue;
        const auto target = log_option_of_spamd(util::unquoted(options->text));
        if (!target.empty())
            warnings.push_back("spamd logs to " + target + " (OPTIONS in " + file.string() +
                               ") and not to the mail log, so ceymail_mail_spam_verdicts_total is absent; run: sed -i "
                               "-E '/^OPTIONS=/s/(-s ?|--syslog[= ])[^ \"]+/-s mail/' " +
                               shell_word(file.native()) + " && systemctl restart " + unit);
        return;
    }
}

void add_fail2ban(std::vector<std::string>& warnings, const config::Configuration& configuration,
                  const SettingsPaths& paths) {
    const auto& log = configuration.fail2ban_log;
    const auto directory = paths.etc / "fail2ban";
    std::error_code ignored;
    if (log.empty() || !fs::exists(directory / "fail2ban.conf", ignored)) return;
    // The order in which Fail2ban reads them. Source: jail.conf(5).
    std::vector<fs::path> files{directory / "fail2ban.conf"};
    std::ranges::copy(files_in(directory / "fail2ban.d", ".conf"), std::back_inserter(files));
    files.push_back(directory / "fail2ban.local");
    std::ranges::copy(files_in(directory / "fail2ban.d", ".local"), std::back_inserter(files));
    const auto ours = shell_word((directory / "fail2ban.d/zz-ceymail-metrics.local").native());
    const auto target = last_value(files, "logtarget");
    if (target && target->text.starts_with('/') && target->text != log)
        return warnings.push_back("Fail2ban logs to " + target->text + " (logtarget in " + target->file.string() +
                                  ") and not to " + log.string() + ", so ceymail_bans_total is absent; run: " +
                                  command_to_set(paths.metrics, "fail2ban_log", target->text));
    const auto level = last_value(files, "loglevel");
    const bool has_bans = !level || (level->text != "CRITICAL" && level->text != "ERROR" && level->text != "WARNING");
    const bool is_file = !target || target->text == log;
    if (is_file && has_bans) return;
    const auto what = is_file ? "loglevel is " + level->text + " in " + level->file.string()
                              : "logtarget is " + target->text + " in " + target->file.string();
    warnings.push_back("ceymail_bans_total is absent: Fail2ban writes no ban to " + log.string() + " (" + what +
                       "); run: printf '[Definition]\\nlogtarget = %s\\nloglevel = INFO\\n' " +
                       shell_word(log.native()) + " >" + ours + " && systemctl restart fail2ban");
}

}  // namespace

LogSettings read_log_settings(const config::Configuration& configuration, const SettingsPaths& paths) {
    LogSettings settings;
    if (!configuration.mail_log.empty()) {
        settings.is_postfix_there = add_postfix(settings.warnings, configuration, paths);
        add_rsyslog(settings.warnings, paths.etc);
        add_dovecot(settings.warnings, paths.etc);
        add_spamd(settings.warnings, paths.etc);
    }
    add_fail2ban(settings.warnings, configuration, paths);
    return settings;
}

void check_log_settings(CheckReport& report, const config::Configuration& configuration,
                        const std::filesystem::path& configuration_file) {
    constexpr const char* k_part = "log settings";
    SettingsPaths paths{.metrics = configuration_file};
    // As Postfix's own commands do. sudo(8) takes it away.
    const char* const directory = std::getenv("MAIL_CONFIG");
    if (directory != nullptr && *directory != '\0') paths.postfix = directory;
    const auto settings = read_log_settings(configuration, paths);
    for (const auto& warning : settings.warnings) report.warn(k_part, warning);
    if (settings.warnings.empty() && settings.is_postfix_there) report.ok(k_part, "Postfix logs what is counted");
}

}  // namespace ceymail::doctor
