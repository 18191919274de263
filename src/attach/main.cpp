// SPDX-License-Identifier: MIT
// ceymail-attach: puts the endpoint into the dashboard's site. ceymail-attach(8).
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/attachment/attachment.hpp"
#include "ceymail/attachment/watch.hpp"
#include "ceymail/config/command_line.hpp"
#include "ceymail/site/ceymail_conf.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::attach {
namespace {

using attachment::Host;
using util::LogLevel;

constexpr const char* k_help =
    R"(usage: ceymail-attach [OPTION]...
Puts the metrics endpoint into the site of the CeyMail dashboard: edits its file,
tests the web server's configuration, reloads it and tries the endpoint. When a
step fails everything is put back. From then on the endpoint is attached again
when the site is rewritten.

Options:
  --settings           also attaches the settings page
  --site FILE          the site's file, instead of the one that /etc/ceymail.conf
                       leads to
  --domain NAME        which server block of the file; by default that of the
                       dashboard's domain
  --web-server NAME    nginx or apache2
  --plain-http         also accepts a site that answers without TLS; the network
                       can then read the token
  --dry-run            prints the difference and changes nothing
  --check              tells whether the site is attached; exit code 0 attached,
                       1 lost or not attached, 2 damaged
  --remove             takes the include out again and stops watching
  --repair             what the unit ceymail-attach.service runs
  --config FILE        configuration, instead of
                       /etc/ceymail-metrics/ceymail-metrics.conf
  --help               shows this
  --version            shows the version

Exit codes are those of sysexits.h: 0 done, 64 usage, 65 no fitting server block,
66 no such file, 69 web server down or endpoint not reached, 73 file cannot be
written, 75 try again, 77 not permitted, 78 configuration. ceymail-attach(8) has
more.
)";

std::unexpected<util::Error> misused(const std::string& what) {
    return util::fail(util::ErrorKind::invalid, what + "; see ceymail-attach --help");
}

// With --help and --version all combinations are accepted.
util::Result<void> check_combination(const config::CommandLine& line) {
    if (line.has("help") || line.has("version")) return {};
    if (line.has("remove") + line.has("check") + line.has("repair") > 1)
        return misused("give one of --remove, --check and --repair");
    if (line.has("dry-run") && (line.has("check") || line.has("repair")))
        return misused("--dry-run does not go with --check and --repair");
    if (!line.has("repair")) return {};
    for (const auto* const name : {"site", "domain", "web-server", "settings", "plain-http"})
        if (line.has(name)) return misused(std::string("--repair takes what was attached before, without --") + name);
    return {};
}

util::Result<attachment::Wish> wish_of(const config::CommandLine& line) {
    attachment::Wish wish;
    wish.settings = line.has("settings");
    wish.plain_http = line.has("plain-http");
    if (const auto site = line.value("site")) {
        const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
        if (site->empty() || std::ranges::any_of(*site, is_control)) return misused("--site needs the name of a file");
        wish.site = std::filesystem::absolute(*site);
    }
    if (const auto domain = line.value("domain")) {
        if (!site::is_host_name(*domain)) return misused("--domain needs a host name");
        wish.domain = util::lower_case(*domain);
    }
    if (const auto server = line.value("web-server")) {
        if (*server != "nginx" && *server != "apache2") return misused("--web-server is nginx or apache2");
        wish.server = *server == "nginx" ? site::WebServer::nginx : site::WebServer::apache;
    }
    return wish;
}

int report(const attachment::Failure& failure) {
    util::log(LogLevel::error, failure.message);
    return failure.exit_code;
}

int attach_site(const Host& host, const attachment::Wish& wish) {
    const auto done = attachment::attach(host, wish);
    if (!done) return report(done.error());
    for (const auto& module : done->modules) util::log(LogLevel::info, {"enabled Apache's module ", module});
    const char* const what = done->edited ? "attached " : done->by_hand ? "included by hand " : "attached already ";
    util::log(LogLevel::info, {what, done->file.native(), ", line ", std::to_string(done->line)});
    util::log(LogLevel::info, {"the endpoint answers: ", done->url});
    attachment::start_watch(host, done->named, done->file);
    return EX_OK;
}

int remove_site(const Host& host, const attachment::Wish& wish) {
    const auto done = attachment::detach(host, wish);
    if (!done) return report(done.error());
    if (done->edited)
        util::log(LogLevel::info, {"removed the include from ", done->file.native()});
    else
        util::log(LogLevel::info, "no include of ceymail-attach is there");
    for (const auto& modules : done->modules)
        util::log(LogLevel::info,
                  {"Apache's modules stay enabled: ", modules, "; if no other site uses them: a2dismod ", modules});
    return EX_OK;
}

int check_site(const Host& host, const attachment::Wish& wish) {
    const auto verdict = attachment::check(host, wish);
    if (!verdict) return report(verdict.error());
    if (const int printed = system::print(verdict->message + "\n"); printed != EX_OK) return printed;
    if (verdict->state == site::State::lost) return 1;
    return verdict->state == site::State::damaged ? 2 : EX_OK;
}

int preview_site(const Host& host, const attachment::Wish& wish, attachment::Direction direction) {
    const auto difference = attachment::preview(host, wish, direction);
    if (!difference) return report(difference.error());
    if (difference->empty()) util::log(LogLevel::info, "nothing would change");
    return system::print(*difference);
}

// Where the page is attached, or is to be, a wrong key of it would choose another file. Elsewhere the key has no
// effect, and the endpoint must be attached again all the same. Returns: whether to go on.
bool accept_page_faults(const Host& host, const attachment::Wish& wish, const std::vector<std::string>& faults) {
    if (faults.empty()) return true;
    const auto record = attachment::load_record(host);
    const bool has_page = wish.settings || !record || (*record && (*record)->wish.settings);
    for (const auto& fault : faults) util::log(has_page ? LogLevel::error : LogLevel::warning, fault);
    return !has_page;
}

util::Result<int> run(int argc, const char* const* argv) {
    CEYMAIL_TRY_ASSIGN(const auto line, config::CommandLine::parse({"ceymail-attach",
                                                                    {"site", "domain", "web-server", "config"},
                                                                    {"settings", "plain-http", "dry-run", "check",
                                                                     "remove", "repair", "help", "version"}},
                                                                   argc, argv));
    CEYMAIL_TRY(check_combination(line));
    CEYMAIL_TRY_ASSIGN(const auto wish, wish_of(line));
    if (line.has("help")) return system::print(k_help);
    if (line.has("version")) return system::print("ceymail-attach " CEYMAIL_VERSION "\n");
    const auto configuration = config::load_configuration(line.value("config"), config::PageKeys::may_be_wrong);
    if (!configuration) {
        util::log(LogLevel::error, configuration.error().message);
        return EX_CONFIG;
    }
    const auto host = attachment::installed_host(*configuration);
    if (!accept_page_faults(host, wish, configuration->page_faults)) return EX_CONFIG;
    using attachment::Direction;
    if (line.has("check")) return check_site(host, wish);
    if (line.has("dry-run"))
        return preview_site(host, wish, line.has("remove") ? Direction::detach : Direction::attach);
    if (::geteuid() != 0) {
        util::log(LogLevel::error, "cannot change a site without root's rights; run this with sudo");
        return EX_NOPERM;
    }
    if (line.has("repair")) return attachment::repair(host);
    return line.has("remove") ? remove_site(host, wish) : attach_site(host, wish);
}

}  // namespace
}  // namespace ceymail::attach

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a web server that closes a connection is an error of that connection
    ::umask(022);
    return ceymail::system::run_program("ceymail-attach", [&] { return ceymail::attach::run(argc, argv); });
}
