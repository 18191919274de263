// SPDX-License-Identifier: MIT
#include "ceymail/attachment/change.hpp"

#include <sysexits.h>

#include "ceymail/attachment/apache_modules.hpp"
#include "ceymail/attachment/command.hpp"
#include "ceymail/attachment/record.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::attachment {
namespace {

using util::LogLevel;

// Returns: why the file does not come back; empty: it is back.
std::string restore(const std::filesystem::path& path, const std::string& edited_digest) {
    const auto now = SiteFile::open(path);
    if (now && digest_of(now->text()) != edited_digest) return "another program wrote " + path.string() + " meanwhile";
    const auto done = put_aside_back(path);
    return done ? std::string() : done.error().message;
}

}  // namespace

SignalsWait::SignalsWait() noexcept {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) ::sigaddset(&ending, signal);
    ::pthread_sigmask(SIG_BLOCK, &ending, &m_before);
}

SignalsWait::~SignalsWait() { ::pthread_sigmask(SIG_SETMASK, &m_before, nullptr); }

Outcome<void> Change::make(const std::vector<std::string>& modules) {
    CEYMAIL_TRY(save_undo(m_host, {m_before.path(), m_server, digest_of(m_edited)}));
    auto done = set_aside(m_before.path());
    if (done) {
        if (auto enabled = enable_modules(m_host, modules))
            m_modules = std::move(*enabled);
        else
            done = std::unexpected(std::move(enabled.error()));
    }
    if (done) done = m_before.replace(m_edited);
    if (done) return {};
    disable_modules(m_host, m_modules);
    forget_aside(m_before.path());
    forget_undo(m_host);
    return done;
}

Outcome<void> Change::test() {
    auto tested = test_configuration(m_host, m_server);
    if (tested) return {};
    return put_back(Failure{EX_CONFIG, "with the change, " + tested.error().message});
}

Outcome<void> Change::reload() {
    m_reloaded = true;
    const auto finished = run_command(files().reload, m_host.command_timeout);
    if (finished.succeeded()) return {};
    return put_back(Failure{EX_UNAVAILABLE, "cannot reload " + files().name + ": " + finished.cause()});
}

void Change::keep() {
    if (m_before.was_written_since() && restore(m_before.path(), digest_of(m_edited)).empty())
        util::log(LogLevel::warning, {"another program wrote ", m_before.path().native(),
                                      " meanwhile; its text was kept, and the include is lost"});
    forget_aside(m_before.path());
    forget_undo(m_host);
}

std::unexpected<Failure> Change::put_back(Failure cause) {
    const auto trouble = restore(m_before.path(), digest_of(m_edited));
    disable_modules(m_host, m_modules);
    cause.after_edit = true;
    if (trouble.empty()) {
        cause.message += "; the site is as before";
        forget_undo(m_host);
    } else {
        cause.message +=
            "; the site is NOT as before: " + trouble + "; its text is in " + aside_name(m_before.path()).string();
    }
    if (m_reloaded) {
        const auto finished = run_command(files().reload, m_host.command_timeout);
        if (!finished.succeeded())
            cause.message += "; " + files().name + " could not be reloaded with it: " + finished.cause();
    }
    return std::unexpected(std::move(cause));
}

void recover(const Host& host) {
    const auto undo = load_undo(host);
    if (!undo) return;
    const SignalsWait signals_wait;
    const auto now = SiteFile::open(undo->file);
    if (now && digest_of(now->text()) == undo->edited_digest && put_aside_back(undo->file)) {
        util::log(LogLevel::warning,
                  {"the last run was killed before its change was proven; put back ", undo->file.native()});
        if (test_configuration(host, undo->server))
            (void)run_command(host.files_of(undo->server).reload, host.command_timeout);
    }
    forget_aside(undo->file);
    forget_undo(host);
}

Outcome<void> test_configuration(const Host& host, site::WebServer server) {
    const auto& files = host.files_of(server);
    const auto finished = run_command(files.test, host.command_timeout);
    if (finished.succeeded()) return {};
    return failed(EX_CONFIG, "the configuration of " + files.name + " is invalid: " + finished.cause());
}

bool is_running(const Host& host, site::WebServer server) {
    return run_command(host.files_of(server).is_running, host.command_timeout).succeeded();
}

}  // namespace ceymail::attachment
