// SPDX-License-Identifier: MIT
// attach(), detach(), preview(), check().
#include "ceymail/attachment/attachment.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include <sysexits.h>
#include <unistd.h>

#include "ceymail/attachment/change.hpp"
#include "ceymail/attachment/command.hpp"
#include "ceymail/attachment/target.hpp"
#include "ceymail/attachment/watch.hpp"
#include "ceymail/site/ceymail_conf.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/webclient/ask.hpp"

namespace ceymail::attachment {
namespace {

namespace fs = std::filesystem;
using util::LogLevel;

constexpr auto k_lock_wait = std::chrono::seconds(10);
constexpr auto k_probe_timeout = std::chrono::seconds(5);
constexpr auto k_probe_pause = std::chrono::milliseconds(300);

std::string in_site(const fs::path& path, const util::Error& error) { return path.string() + ": " + error.message; }

// Returns: the name by which the server block is asked: the domain if the block has it, else its first plain name, else
// the domain, else "localhost".
std::string name_to_ask(const site::VirtualServer& server, const std::string& domain) {
    if (std::ranges::find(server.names, domain) != server.names.end()) return domain;
    for (const auto& name : server.names)
        if (site::is_host_name(name)) return name;
    return domain.empty() ? "localhost" : domain;
}

// A listener for all addresses is asked at 127.0.0.1 or ::1.
std::string address_of(const site::Listener& listener) {
    if (listener.address.empty()) return "127.0.0.1";
    if (listener.address == "[::]") return "::1";
    if (listener.address.starts_with('[') && listener.address.ends_with(']'))
        return listener.address.substr(1, listener.address.size() - 2);
    return listener.address;
}

// The site of a server block, as a client on this host reaches it: over the loopback interface, without a token.
class Visitor {
public:
    Visitor(const Host& host, const site::VirtualServer& server, const std::string& domain)
        : m_host(host), m_name(name_to_ask(server, domain)) {
        for (const auto& listener : server.listeners)
            if (listener.tls == server.tls) m_listeners.push_back(listener);
    }

    [[nodiscard]] std::string url() const {
        const auto& one = m_listeners.front();
        return (one.tls ? "https://" : "http://") + authority(one) + m_host.endpoint_path;
    }

    // Returns: empty, or why the endpoint does not answer for `settle`. A web server reloads while it serves: its old
    // workers may answer for a moment, with the configuration from before.
    [[nodiscard]] std::string wait_for_endpoint(bool settings, std::chrono::milliseconds settle) const {
        const auto deadline = util::BootClock::now() + m_host.scrape_timeout;
        auto answers_since = util::BootClock::now();
        for (;;) {
            auto fault = fault_of_endpoint();
            if (fault.empty() && settings) fault = fault_of_settings();
            const auto now = util::BootClock::now();
            if (!fault.empty()) answers_since = now;
            if (fault.empty() ? now - answers_since >= settle : now >= deadline) return fault;
            std::this_thread::sleep_for(k_probe_pause);
        }
    }

private:
    // The name with the port, if it is not the usual one.
    [[nodiscard]] std::string authority(const site::Listener& listener) const {
        return m_name + (listener.port == (listener.tls ? "443" : "80") ? "" : ":" + listener.port);
    }

    // Security: the certificate is not verified, because the connection does not leave the host and carries no secret.
    [[nodiscard]] util::Result<webclient::Answer> ask(const site::Listener& listener, const std::string& path) const {
        return webclient::ask({.host = address_of(listener),
                               .port = listener.port,
                               .tls = listener.tls,
                               .name = m_name,
                               .prelude = listener.proxy_protocol ? "PROXY UNKNOWN\r\n" : ""},
                              "GET " + path + " HTTP/1.1\r\nHost: " + authority(listener) +
                                  "\r\nUser-Agent: ceymail-attach\r\nConnection: close\r\n\r\n",
                              k_probe_timeout);
    }

    [[nodiscard]] util::Result<webclient::Answer> ask(const std::string& path) const {
        auto answer = ask(m_listeners.front(), path);
        for (std::size_t i = 1; !answer && i < m_listeners.size(); ++i) answer = ask(m_listeners[i], path);
        return answer;
    }

    [[nodiscard]] std::string fault_of_endpoint() const {
        const auto answer = ask(m_host.endpoint_path);
        if (!answer) return url() + ": " + answer.error().message;
        const auto status = std::to_string(answer->status);
        if (answer->is_from_responder() && answer->status == 404)
            return url() +
                   " is answered 404: give `path` of ceymail-metrics.conf and the web server's file the same value";
        if (answer->is_from_responder()) return {};
        if (answer->status == 502 || answer->status == 503 || answer->status == 504)
            return url() + " is answered " + status +
                   ": the responder is not reached; look at systemctl status ceymail-metrics.socket ceymail-metrics";
        return url() + " is answered " + status +
               " by the site instead of the responder: a redirect, rewrite or rule of the server block is in the way, "
               "or the web server does not include this file";
    }

    [[nodiscard]] std::string fault_of_settings() const {
        const auto answer = ask(m_host.settings_path);
        if (!answer) return m_host.settings_path + ": " + answer.error().message;
        if (answer->is_from_responder() || answer->status == 401 || answer->status == 403) return {};
        return m_host.settings_path + " is answered " + std::to_string(answer->status) +
               " instead of a demand to sign in; look at systemctl status ceymail-settings.socket";
    }

    const Host& m_host;
    std::string m_name;
    std::vector<site::Listener> m_listeners;
};

Outcome<void> check_installed(const WebServerFiles& files, bool settings) {
    for (const auto& file : {files.metrics_file, settings ? files.settings_file : files.metrics_file}) {
        std::error_code error;
        if (!fs::exists(file, error))
            return failed(EX_CONFIG, "there is no " + file.string() +
                                         "; install the package again, with "
                                         "--reinstall -o Dpkg::Options::=--force-confmiss");
    }
    return {};
}

Outcome<void> check_running(const Host& host, site::WebServer server) {
    if (is_running(host, server)) return {};
    const auto& name = host.files_of(server).name;
    return failed(EX_UNAVAILABLE, name +
                                      " is not running, so that the endpoint cannot be tried; nothing was changed; "
                                      "run systemctl start " +
                                      name);
}

Outcome<std::vector<std::string>> change_site(const Host& host, const Target& target, const std::string& edited,
                                              const Visitor& visitor, bool settings) {
    const auto server = target.request.server;
    CEYMAIL_TRY(check_installed(host.files_of(server), settings));
    CEYMAIL_TRY(check_running(host, server));
    if (const auto tested = test_configuration(host, server); !tested)
        return failed(EX_CONFIG, tested.error().message +
                                     "; it was so before any change, and nothing was changed; repair that first");
    Change change(host, server, target.file, edited);
    CEYMAIL_TRY(change.make(modules_to_enable(host, server, settings)));
    CEYMAIL_TRY(change.test());
    CEYMAIL_TRY(change.reload());
    if (const auto fault = visitor.wait_for_endpoint(settings, host.settle); !fault.empty())
        return change.put_back(Failure{EX_UNAVAILABLE, fault});
    change.keep();
    return change.modules();
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

// Errors: what keeps the attached site from answering. Nothing is changed.
Outcome<void> check_answers(const Host& host, const Target& target, const Visitor& visitor, bool settings) {
    CEYMAIL_TRY(check_running(host, target.request.server));
    const auto fault = visitor.wait_for_endpoint(settings, {});
    if (fault.empty()) return {};
    return failed(EX_UNAVAILABLE, "the site includes the endpoint, but " + fault);
}

// Takes the include out of a site, by the steps of attach(). Returns: whether it was there.
Outcome<bool> clean(const Host& host, const fs::path& path, std::optional<site::WebServer> known) {
    const auto file = SiteFile::open(path);
    if (!file) {
        std::error_code error;
        if (!fs::exists(path, error)) return false;
        return std::unexpected(file.error());
    }
    if (!site::has_mark(file->text())) return false;
    const auto server = known ? *known : site::guess_web_server(file->text());
    const auto valid_before = test_configuration(host, server);
    Change change(host, server, *file, site::remove(file->text(), server));
    CEYMAIL_TRY(change.make({}));
    if (!valid_before) {
        util::log(LogLevel::warning, {valid_before.error().message, "; it was so before; the include is out, and ",
                                      host.files_of(server).name, " was not reloaded"});
    } else {
        CEYMAIL_TRY(change.test());
        if (is_running(host, server)) CEYMAIL_TRY(change.reload());
    }
    change.keep();
    return true;
}

// One site is watched, so one has the include.
void clean_former_site(const Host& host, const std::optional<Record>& before, const fs::path& now) {
    if (!before || before->file.empty() || before->file == now) return;
    const auto cleaned = clean(host, before->file, std::nullopt);
    if (!cleaned)
        util::log(LogLevel::warning, {"cannot take the include out of the former site: ", cleaned.error().message});
    else if (*cleaned)
        util::log(LogLevel::notice, {"took the include out of the former site ", before->file.native()});
}

// The files that may hold the include: the one that the wish means, and the one that was changed last.
std::vector<fs::path> files_to_clean(const Host& host, const Wish& wish, const std::optional<Record>& record) {
    std::vector<fs::path> files;
    if (const auto target = find_target(host, wish)) files.push_back(target->file.path());
    if (record && !record->file.empty() && std::ranges::find(files, record->file) == files.end())
        files.push_back(record->file);
    return files;
}

}  // namespace

Outcome<Report> attach(const Host& host, const Wish& asked, Where where) {
    CEYMAIL_TRY_ASSIGN(const auto lock, lock_state(host, k_lock_wait));
    CEYMAIL_TRY(recover(host));
    CEYMAIL_TRY_ASSIGN(const auto before, load_record(host));
    if (where == Where::attached_before && !before) return Report{};
    const auto wish = completed(asked, before);
    CEYMAIL_TRY_ASSIGN(const auto target, find_target(host, wish));
    const auto found = site::inspect(target.file.text(), target.request);
    if (!found) return failed(EX_DATAERR, in_site(target.file.path(), found.error()));
    const auto edited = site::attach(target.file.text(), target.request);
    if (!edited) return failed(EX_DATAERR, in_site(target.file.path(), edited.error()));

    const Visitor visitor(host, found->server, target.request.domain);
    Report report{.named = target.named,
                  .file = target.file.path(),
                  .line = found->server.line,
                  .url = visitor.url(),
                  .modules = {}};
    report.by_hand = found->state == site::State::by_hand;
    report.edited = *edited != target.file.text();
    Record record = before.value_or(Record{});
    std::optional<SignalsWait> signals_wait;  // until the record tells of the change: --remove and the units read it
    if (report.edited) {
        signals_wait.emplace();
        CEYMAIL_TRY_ASSIGN(report.modules, change_site(host, target, *edited, visitor, wish.settings));
        record.last_edit = static_cast<std::int64_t>(util::seconds_since_1970());
    } else {
        CEYMAIL_TRY(check_answers(host, target, visitor, wish.settings));
    }
    clean_former_site(host, before, target.file.path());
    record.wish = wish;
    record.file = target.file.path();
    if (!report.modules.empty()) record.modules = joined(report.modules);
    record.failed_text.clear();
    CEYMAIL_TRY(save_record(host, record));
    publish(host, true);
    return report;
}

Outcome<Report> detach(const Host& host, const Wish& asked) {
    CEYMAIL_TRY_ASSIGN(const auto lock, lock_state(host, k_lock_wait));
    CEYMAIL_TRY(recover(host));
    CEYMAIL_TRY_ASSIGN(const auto record, load_record(host));
    const auto wish = completed(asked, record);
    const SignalsWait signals_wait;  // until the record is gone: the units would attach again
    Report report;
    for (const auto& path : files_to_clean(host, wish, record)) {
        CEYMAIL_TRY_ASSIGN(const bool cleaned, clean(host, path, wish.server));
        if (cleaned) report.file = path;
        report.edited |= cleaned;
    }
    // Before the lock is released: a repair that waits for it must find nothing to attach.
    forget_record(host);
    stop_watch(host);
    if (record && !record->modules.empty()) report.modules = {record->modules};
    unpublish(host);
    return report;
}

Outcome<std::string> preview(const Host& host, const Wish& asked, Direction direction) {
    CEYMAIL_TRY_ASSIGN(const auto record, load_record(host));
    const auto wish = completed(asked, record);
    CEYMAIL_TRY_ASSIGN(const auto target, find_target(host, wish));
    const auto& text = target.file.text();
    auto edited = util::Result<std::string>(site::remove(text, target.request.server));
    if (direction == Direction::attach) {
        edited = site::attach(text, target.request);
        if (!edited) return failed(EX_DATAERR, in_site(target.file.path(), edited.error()));
        for (const auto& module : modules_to_enable(host, target.request.server, wish.settings))
            util::log(LogLevel::info, {"would also run a2enmod ", module});
    }
    return site::unified_diff(text, *edited, target.file.path().string());
}

Outcome<Verdict> check(const Host& host, const Wish& asked) {
    CEYMAIL_TRY_ASSIGN(const auto record, load_record(host));
    CEYMAIL_TRY_ASSIGN(const auto target, find_target(host, completed(asked, record)));
    const auto& path = target.file.path();
    const auto found = site::inspect(target.file.text(), target.request);
    if (!found) {
        if (site::has_mark(target.file.text()))
            return Verdict{site::State::damaged, "damaged: " + in_site(path, found.error())};
        return Verdict{site::State::lost, (record ? "lost: " : "not attached: ") + in_site(path, found.error())};
    }
    const auto line = path.string() + ", line " + std::to_string(found->server.line);
    switch (found->state) {
        case site::State::attached:
            return Verdict{found->state, "attached: " + line};
        case site::State::by_hand:
            return Verdict{found->state, "attached: " + line + ", by an include that ceymail-attach did not write"};
        case site::State::damaged:
            return Verdict{found->state, "damaged: " + line +
                                             ": the marked lines are incomplete, changed or elsewhere; "
                                             "run ceymail-attach to write them again"};
        case site::State::lost:
            break;
    }
    return Verdict{site::State::lost, (record ? "lost: " : "not attached: ") + line + "; run ceymail-attach"};
}

}  // namespace ceymail::attachment
