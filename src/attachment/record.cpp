// SPDX-License-Identifier: MIT
#include "ceymail/attachment/record.hpp"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/attachment/site_file.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/hex.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/secret.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::attachment {
namespace {

namespace fs = std::filesystem;

fs::path record_path(const Host& host) { return host.state_directory / "record"; }

fs::path undo_path(const Host& host) { return host.state_directory / "undo"; }

std::string value_of(std::string_view text, std::string_view key) {
    for (const auto line : util::lines_of(text))
        if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == '=')
            return std::string(line.substr(key.size() + 1));
    return {};
}

std::int64_t number_of(const std::string& text) {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

std::string word_of(site::WebServer server) { return server == site::WebServer::nginx ? "nginx" : "apache2"; }

std::optional<site::WebServer> server_of(const std::string& word) {
    if (word == "nginx") return site::WebServer::nginx;
    if (word == "apache2") return site::WebServer::apache;
    return std::nullopt;
}

Outcome<void> make_directory(const fs::path& directory) {
    std::error_code error;
    fs::create_directories(directory, error);
    if (!error) return {};
    return failed(EX_CANTCREAT, util::fail_errno(error.value(), "cannot make " + directory.string()).error());
}

}  // namespace

Outcome<std::optional<Record>> load_record(const Host& host) {
    const auto text = util::read_file(record_path(host));
    if (!text && text.error().kind == util::ErrorKind::not_found) return std::nullopt;
    if (!text) return failed(EX_IOERR, text.error());
    Record record;
    record.wish.site = value_of(*text, "site");
    record.wish.domain = value_of(*text, "domain");
    record.wish.server = server_of(value_of(*text, "web_server"));
    record.wish.settings = value_of(*text, "settings") == "yes";
    record.wish.plain_http = value_of(*text, "plain_http") == "yes";
    record.file = value_of(*text, "file");
    record.modules = value_of(*text, "modules");
    record.last_edit = number_of(value_of(*text, "last_edit"));
    record.failed_text = value_of(*text, "failed_text");
    record.failed_at = number_of(value_of(*text, "failed_at"));
    return record;
}

Outcome<void> save_record(const Host& host, const Record& record) {
    CEYMAIL_TRY(make_directory(host.state_directory));
    const auto& wish = record.wish;
    const auto yes = [](bool value) { return std::string(value ? "yes" : "no"); };
    const auto text = "# What ceymail-attach(8) attached. Written by it.\nsite=" + wish.site.string() +
                      "\ndomain=" + wish.domain + "\nweb_server=" + (wish.server ? word_of(*wish.server) : "") +
                      "\nsettings=" + yes(wish.settings) + "\nplain_http=" + yes(wish.plain_http) +
                      "\nfile=" + record.file.string() + "\nmodules=" + record.modules +
                      "\nlast_edit=" + std::to_string(record.last_edit) + "\nfailed_text=" + record.failed_text +
                      "\nfailed_at=" + std::to_string(record.failed_at) + "\n";
    return write_file(record_path(host), text, 0644);
}

void forget_record(const Host& host) noexcept { ::unlink(record_path(host).c_str()); }

Wish completed(Wish asked, const std::optional<Record>& before) {
    if (!before) return asked;
    if (asked.site.empty() && asked.domain.empty() && !asked.server) {
        asked.site = before->wish.site;
        asked.domain = before->wish.domain;
        asked.server = before->wish.server;
    }
    asked.settings |= before->wish.settings;
    asked.plain_http |= before->wish.plain_http;
    return asked;
}

Outcome<util::Fd> lock_state(const Host& host, std::chrono::milliseconds wait) {
    CEYMAIL_TRY(make_directory(host.state_directory));
    const auto path = host.state_directory / "lock";
    util::Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return failed(EX_CANTCREAT, util::fail_errno(errno, "cannot write " + path.string()).error());
    const auto deadline = util::BootClock::now() + wait;
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (util::BootClock::now() >= deadline)
            return failed(EX_TEMPFAIL, "another ceymail-attach is at work; try again when it is done");
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return fd;
}

std::optional<Undo> load_undo(const Host& host) {
    const auto text = util::read_file(undo_path(host));
    if (!text) return std::nullopt;
    const auto server = server_of(value_of(*text, "web_server"));
    Undo undo{.file = value_of(*text, "file"), .server = {}, .edited_digest = value_of(*text, "edited")};
    if (!server || undo.file.empty()) return std::nullopt;
    undo.server = *server;
    return undo;
}

Outcome<void> save_undo(const Host& host, const Undo& undo) {
    return write_file(
        undo_path(host),
        "file=" + undo.file.string() + "\nweb_server=" + word_of(undo.server) + "\nedited=" + undo.edited_digest + "\n",
        0600);
}

void forget_undo(const Host& host) noexcept { ::unlink(undo_path(host).c_str()); }

std::string digest_of(std::string_view text) { return util::to_hex(util::sha256(text)); }

void publish(const Host& host, bool attached) {
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(util::BootClock::now().time_since_epoch()).count();
    auto done = make_directory(host.published.parent_path());
    if (done) done = write_file(host.published, (attached ? "1 " : "0 ") + std::to_string(seconds) + "\n", 0644);
    if (!done) util::log(util::LogLevel::warning, {"without the metric ceymail_attached: ", done.error().message});
}

void unpublish(const Host& host) noexcept { ::unlink(host.published.c_str()); }

}  // namespace ceymail::attachment
