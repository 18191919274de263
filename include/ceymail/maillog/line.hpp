// SPDX-License-Identifier: MIT
// Line: STAMP HOST TAG TEXT, the parts of a line of syslog.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ceymail::maillog {

// "postfix/submission/smtpd[7]": program "smtpd", service "submission". "dovecot": program "dovecot", no service.
struct Tag {
    std::string_view program;  // behind the last slash, before [pid]
    std::string_view service;  // between the two last slashes, or before the only one; empty without a slash
    std::string_view whole;    // without [pid]
};

struct Line {
    Tag tag;
    std::string_view text;  // any bytes
};

[[nodiscard]] Tag parse_tag(std::string_view tag) noexcept;

// Splits a line without its LF. The stamp is ISO 8601, "2026-11-27T18:13:22.784123+00:00", or of 15 bytes,
// "Nov  7 18:14:50": an upgrade leaves both in one file. TAG ends with a colon, which may be missing, as may the blank
// behind it.
// Returns: no value for a line of another form, such as RFC 5424.
[[nodiscard]] std::optional<Line> split_line(std::string_view line) noexcept;

// Takes "message repeated N times: [ " and the last "]" off, which rsyslog puts around the text of repeated messages.
// Returns: N, at most k_most_repeats; 1 for other texts; 0 where N is none that rsyslog writes, and the text stays.
[[nodiscard]] std::uint64_t unfold_repeats(std::string_view& text) noexcept;

}  // namespace ceymail::maillog
