// SPDX-License-Identifier: MIT
// attachment: puts the endpoint into the dashboard's site on this host: files, the web server, its reload, a scrape.
// Process: ceymail-attach, as root; by hand, or started by ceymail-attach.path and ceymail-attach.timer.
// Touches: the site's file, the state directory, the state file for the collector, the web server by its own commands.
// Attackers: none before it: root alone writes what it reads. What the web server answers is not trusted.
//
// The four things that ceymail-attach does, and the one that its units do.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "ceymail/attachment/failure.hpp"
#include "ceymail/attachment/host.hpp"
#include "ceymail/attachment/record.hpp"
#include "ceymail/site/editor.hpp"

namespace ceymail::attachment {

struct Report {
    std::filesystem::path named;  // the site as it is asked for, possibly a symbolic link
    std::filesystem::path file;   // that is edited
    std::size_t line = 0;         // of the server block
    std::string url;              // of the endpoint
    bool edited = false;          // false: it was attached already
    bool by_hand = false;
    std::vector<std::string> modules;  // that were enabled
};

// Attaches the site: edits, tests, reloads, scrapes. When any step fails, everything is put back byte for byte, and the
// web server reloaded again if it had been reloaded. Then remembers `wish`. The caller starts the units: start_watch().
// Errors: EX_NOINPUT, EX_DATAERR: the site cannot be read or has no fitting server block; EX_CONFIG: its configuration
// is invalid, before or with the include; EX_UNAVAILABLE: the web server is down or does not give the endpoint's
// answer; EX_CANTCREAT, EX_TEMPFAIL, EX_NOPERM: as SiteFile and lock_state(). Threads: one. Signals that end a process
// wait until the site is whole.
// Where::attached_before: a Report without a file if nothing is attached any more.
enum class Where { anywhere, attached_before };
[[nodiscard]] Outcome<Report> attach(const Host& host, const Wish& wish, Where where = Where::anywhere);

// Takes the include out, tests, reloads, stops the units and forgets. What was enabled of Apache's modules stays: other
// sites may use them. If the configuration was invalid before, the include is taken out without a reload.
// Errors: as attach().
[[nodiscard]] Outcome<Report> detach(const Host& host, const Wish& wish);

// Returns: the difference that attach() or detach() would make, and says on the log which modules it would enable.
// Changes nothing.
enum class Direction { attach, detach };
[[nodiscard]] Outcome<std::string> preview(const Host& host, const Wish& wish, Direction direction);

struct Verdict {
    site::State state = site::State::lost;
    std::string message;
};
// Judges the site's file alone. Errors: EX_NOINPUT, EX_NOPERM: it cannot be read.
[[nodiscard]] Outcome<Verdict> check(const Host& host, const Wish& wish);

// What the units run: publishes whether the site is attached, and attaches it if it was attached before and is not any
// more. Waits until the site is quiet and valid, at most `patience`; edits at most once in `interval`; does not try a
// text again that failed, before `failure_interval`.
// Returns: 0, or the exit code of what keeps it from attaching, which it logs.
[[nodiscard]] int repair(const Host& host);

}  // namespace ceymail::attachment
