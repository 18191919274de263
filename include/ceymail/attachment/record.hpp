// SPDX-License-Identifier: MIT
// What ceymail-attach remembers in its state directory: how the site was attached, and which change is not proven yet.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "ceymail/attachment/failure.hpp"
#include "ceymail/attachment/host.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::attachment {

// What the administrator asks for.
struct Wish {
    std::filesystem::path site;             // empty: by /etc/ceymail.conf
    std::string domain;                     // empty: by /etc/ceymail.conf, as far as it can be read
    std::optional<site::WebServer> server;  // none: by /etc/ceymail.conf, or by the text of the site
    bool settings = false;
    bool plain_http = false;

    bool operator==(const Wish&) const = default;
};

struct Record {
    Wish wish;
    std::filesystem::path file;  // that was changed
    std::string modules;         // of Apache, that were enabled for it; separated by blanks
    std::int64_t last_edit = 0;  // Units: seconds since 1970
    std::string failed_text;     // SHA-256 of a text whose change had to be undone; empty: none
    std::int64_t failed_at = 0;

    bool operator==(const Record&) const = default;
};

// Returns: none if nothing is attached. Errors: EX_IOERR, EX_NOPERM.
[[nodiscard]] Outcome<std::optional<Record>> load_record(const Host& host);
[[nodiscard]] Outcome<void> save_record(const Host& host, const Record& record);
void forget_record(const Host& host) noexcept;

// Returns: `asked` completed by what was asked for before: its site if `asked` names none, and settings and plain_http.
[[nodiscard]] Wish completed(Wish asked, const std::optional<Record>& before);

// One change at a time. Makes the state directory.
// Errors: EX_TEMPFAIL: another process holds the lock after `wait`; EX_CANTCREAT, EX_NOPERM.
[[nodiscard]] Outcome<util::Fd> lock_state(const Host& host, std::chrono::milliseconds wait);

// A change that is not proven yet. The file from before it has another name meanwhile, see set_aside().
struct Undo {
    std::filesystem::path file;
    site::WebServer server = site::WebServer::nginx;
    std::string edited_digest;  // SHA-256 of the changed text
};
[[nodiscard]] std::optional<Undo> load_undo(const Host& host);
[[nodiscard]] Outcome<void> save_undo(const Host& host, const Undo& undo);
void forget_undo(const Host& host) noexcept;

// Returns: SHA-256 in hexadecimal.
[[nodiscard]] std::string digest_of(std::string_view text);

// Writes for the collector whether the site includes the endpoint, with the time since boot. Makes the directory. An
// error is logged: the metric then is absent.
void publish(const Host& host, bool attached);
void unpublish(const Host& host) noexcept;

}  // namespace ceymail::attachment
