// SPDX-License-Identifier: MIT
// The parts of --check that look at the running service, its collectors and logs, and at the web server in front of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ceymail/config/configuration.hpp"
#include "ceymail/doctor/check_part.hpp"
#include "ceymail/doctor/check_report.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::doctor {

// The message for End::hung and for End::failed.
[[nodiscard]] std::string format_hanging(const std::string& source, std::chrono::nanoseconds time = k_time_for_part);
[[nodiscard]] std::string format_failing(const std::string& why);

// Checks that the running gatherer has its capability. Requires: root, to read the process table.
void check_service(CheckReport& report, const config::Configuration& configuration);

// Checks that systemd knows every directive of the installed unit; prints nothing where none is loaded.
void check_sandbox(CheckReport& report, const config::Configuration& configuration);

// Reports the profile of AppArmor that confines the running service; prints nothing where none runs. Requires: root.
void check_apparmor(CheckReport& report, const config::Configuration& configuration);

// Checks that the gatherer's queue directory is the current one. Requires: root, to look into the gatherer's root.
void check_queue_directory(CheckReport& report, const config::Configuration& configuration);

// Checks that the web server's processes may connect to the socket. Requires: root.
void check_socket(CheckReport& report, const config::Configuration& configuration);

// Checks the web server's requests as the workers recorded them: keep-alive, client addresses and keys of
// the REST API.
void check_clients(CheckReport& report, const shared::SegmentLayout& layout);

// Reports the active token: one that came back, and a right that is missing. `created_at`: no value: not readable.
void check_token(CheckReport& report, const config::Configuration& configuration,
                 std::optional<std::uint64_t> created_at);

// Compares the token in `file` with the active one. Reads the file first, then becomes the service's user.
// Security: prints nothing of the file's content.
void check_token_file(CheckReport& report, const config::Configuration& configuration,
                      const std::filesystem::path& file);

// Returns: what the mail log is read from, for the message if that hangs.
[[nodiscard]] std::string source_of_mail_log(const config::Configuration& configuration);

// Returns: whether the mail log is the journal, as the gatherer decides it when it starts. It may hang with a mount.
[[nodiscard]] bool is_journal(const config::Configuration& configuration);

// Opens the mail log as the gatherer does, or the journal as the journal reader does: only the log reader of the
// service reads them. Returns: nothing where there is neither, because the service waits for the file.
[[nodiscard]] util::Result<void> open_mail_log(const config::Configuration& configuration);

// Reports where the mail log is read from, unless it is the file that is configured.
void check_mail_log(CheckReport& report, const config::Configuration& configuration);

// Names the account that handed in the most mail within the last hour, by the mail log. Prints nothing where there is
// no log. Requires: root asked; no other user may learn the name.
// Security: parses the lines without capability, with the filter of system calls of the log reader, or, where the log
// is the journal, of the journal reader.
void check_busiest_sender(CheckReport& report, const config::Configuration& configuration);

// Returns: `text` in double quotes on one line of printable ASCII: other bytes, " and \ as \xHH. What is longer than
// `longest` bytes is cut, with "..." behind it. Threads: any.
[[nodiscard]] std::string quoted_for_terminal(std::string_view text, std::size_t longest);

// Warns of settings of Postfix, Dovecot, rsyslog, spamd and Fail2ban that leave metrics out, with a command for each.
// `configuration_file`: of this program, for commands that change it.
void check_log_settings(CheckReport& report, const config::Configuration& configuration,
                        const std::filesystem::path& configuration_file);

// The child processes that read each collector here, by its name, and the one that asks the running service for them.
struct CollectorParts {
    CheckPart service;
    std::vector<std::pair<std::string, CheckPart>> here;
};
[[nodiscard]] CollectorParts start_collectors(const config::Configuration& configuration);

// Compares each collector in this process with the same collector in the running service.
void check_collectors(CheckReport& report, const config::Configuration& configuration, CollectorParts& parts,
                      util::BootTime deadline);

// Requests `url` with a token that is never valid, and reports whether the web server passes requests on.
void check_web_server(CheckReport& report, const std::string& url);

}  // namespace ceymail::doctor
