// SPDX-License-Identifier: MIT
// Change: a change of the site that is kept only when it is proven.
#pragma once

#include <csignal>
#include <string>
#include <vector>

#include "ceymail/attachment/failure.hpp"
#include "ceymail/attachment/host.hpp"
#include "ceymail/attachment/site_file.hpp"
#include "ceymail/site/site.hpp"

namespace ceymail::attachment {

// Signals that end a process wait while it exists. SIGKILL and a crash leave the undo file: see recover().
class SignalsWait {
public:
    SignalsWait() noexcept;
    ~SignalsWait();
    SignalsWait(const SignalsWait&) = delete;
    SignalsWait& operator=(const SignalsWait&) = delete;

private:
    sigset_t m_before{};
};

class Change {
public:
    Change(const Host& host, site::WebServer server, const SiteFile& before, std::string edited)
        : m_host(host), m_server(server), m_before(before), m_edited(std::move(edited)) {}

    // Enables Apache's modules, keeps the text for recover() and replaces the file. Errors: nothing is changed.
    [[nodiscard]] Outcome<void> make(const std::vector<std::string>& modules);
    // Tests the configuration. Errors: EX_CONFIG; all is put back.
    [[nodiscard]] Outcome<void> test();
    // Errors: EX_UNAVAILABLE; all is put back.
    [[nodiscard]] Outcome<void> reload();
    // Forgets the text before. If another program wrote into the file that was replaced, its text takes the place.
    void keep();
    // Puts all back. Returns: `cause`, with what became of the site in its message.
    [[nodiscard]] std::unexpected<Failure> put_back(Failure cause);

    [[nodiscard]] const std::vector<std::string>& modules() const noexcept { return m_modules; }

private:
    // By a2enmod(8). m_modules then has all that are newly enabled, also those on which they depend.
    [[nodiscard]] Outcome<void> enable(const std::vector<std::string>& modules);
    // In reverse order. Errors are logged.
    void disable_modules() const;
    [[nodiscard]] const WebServerFiles& files() const { return m_host.files_of(m_server); }

    const Host& m_host;
    site::WebServer m_server;
    const SiteFile& m_before;
    std::string m_edited;
    std::vector<std::string> m_modules;
    bool m_reloaded = false;
    SignalsWait m_signals_wait;
};

// Returns: the modules that are not enabled of those that Apache needs, with `settings` also for the page.
[[nodiscard]] std::vector<std::string> modules_to_enable(const Host& host, site::WebServer server, bool settings);

// Puts back what a process left behind that was killed within a change.
// Errors: EX_CANTCREAT, EX_NOPERM: it cannot be put back, and is kept for the next run. Until then nothing may be
// changed: one undo is kept. Requires: the lock.
[[nodiscard]] Outcome<void> recover(const Host& host);

// Errors: EX_CONFIG: the configuration of the web server is invalid.
[[nodiscard]] Outcome<void> test_configuration(const Host& host, site::WebServer server);

[[nodiscard]] bool is_running(const Host& host, site::WebServer server);

}  // namespace ceymail::attachment
