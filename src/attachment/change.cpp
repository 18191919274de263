// SPDX-License-Identifier: MIT
#include "ceymail/attachment/change.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include <sysexits.h>

#include "ceymail/attachment/command.hpp"
#include "ceymail/attachment/record.hpp"
#include "ceymail/util/directory.hpp"
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

std::set<std::string> enabled_modules(const Host& host) {
    constexpr std::string_view k_suffix = ".load";
    std::set<std::string> names;
    auto directory = util::Directory::open(host.apache_modules);
    if (!directory) return names;
    for (auto name = directory->next(); name && !name->empty(); name = directory->next())
        if (name->ends_with(k_suffix)) names.emplace(name->substr(0, name->size() - k_suffix.size()));
    return names;
}

Finished run_for(const Host& host, Arguments command, const std::string& module) {
    command.push_back(module);
    return run_command(command, host.command_timeout);
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
    if (done) done = enable(modules);
    if (done) done = m_before.replace(m_edited);
    if (done) return {};
    disable_modules();
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
    disable_modules();
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

Outcome<void> Change::enable(const std::vector<std::string>& modules) {
    const auto before = enabled_modules(m_host);
    Outcome<void> done;
    for (auto name = modules.begin(); done && name != modules.end(); ++name) {
        const auto finished = run_for(m_host, m_host.enable_module, *name);
        if (!finished.succeeded())
            done = failed(EX_CONFIG, "cannot enable Apache's module " + *name + ": " + finished.cause() +
                                         "; the site is unchanged; run a2enmod " + *name + " and look at what it says");
    }
    std::ranges::set_difference(enabled_modules(m_host), before, std::back_inserter(m_modules));
    return done;
}

void Change::disable_modules() const {
    for (auto name = m_modules.rbegin(); name != m_modules.rend(); ++name) {
        const auto finished = run_for(m_host, m_host.disable_module, *name);
        if (!finished.succeeded())
            util::log(LogLevel::warning, {"cannot disable Apache's module ", *name, " again: ", finished.cause(),
                                          "; run a2dismod ", *name});
    }
}

std::vector<std::string> modules_to_enable(const Host& host, site::WebServer server, bool settings) {
    if (server != site::WebServer::apache) return {};
    auto missing = host.needed_modules;
    if (settings) missing.insert(missing.end(), host.settings_modules.begin(), host.settings_modules.end());
    std::erase_if(missing, [enabled = enabled_modules(host)](const auto& name) { return enabled.contains(name); });
    return missing;
}

Outcome<void> recover(const Host& host) {
    const auto undo = load_undo(host);
    if (!undo) return {};
    const SignalsWait signals_wait;
    const auto now = SiteFile::open(undo->file);
    if (now && digest_of(now->text()) == undo->edited_digest) {
        const auto back = put_aside_back(undo->file);
        std::error_code error;
        if (!back && std::filesystem::exists(aside_name(undo->file), error))
            return failed(back.error().exit_code,
                          "the last run was killed before its change was proven, and the site "
                          "is not as before: " +
                              back.error().message);
        if (back) {
            util::log(LogLevel::warning,
                      {"the last run was killed before its change was proven; put back ", undo->file.native()});
            if (test_configuration(host, undo->server))
                (void)run_command(host.files_of(undo->server).reload, host.command_timeout);
        }
    }
    forget_aside(undo->file);
    forget_undo(host);
    return {};
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
