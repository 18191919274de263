// SPDX-License-Identifier: MIT
#include "ceymail/attach/options.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "ceymail/config/command_line.hpp"
#include "ceymail/site/ceymail_conf.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::attach {

const char* const k_help =
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

namespace {

std::unexpected<util::Error> misused(const std::string& what) {
    return util::fail(util::ErrorKind::invalid, what + "; see ceymail-attach --help");
}

util::Result<Command> command_of(const config::CommandLine& line) {
    if (line.has("help")) return Command::help;
    if (line.has("version")) return Command::version;
    constexpr std::array<std::pair<const char*, Command>, 3> k_commands{
        {{"remove", Command::remove}, {"check", Command::check}, {"repair", Command::repair}}};
    Command command = Command::attach;
    for (const auto& [name, one] : k_commands) {
        if (!line.has(name)) continue;
        if (command != Command::attach) return misused("give one of --remove, --check and --repair");
        command = one;
    }
    if (line.has("dry-run") && (command == Command::check || command == Command::repair))
        return misused("--dry-run does not go with --check and --repair");
    return command;
}

util::Result<void> check_repair(const config::CommandLine& line) {
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

}  // namespace

util::Result<Options> parse_options(int argc, const char* const* argv) {
    CEYMAIL_TRY_ASSIGN(const auto line, config::CommandLine::parse({"ceymail-attach",
                                                                    {"site", "domain", "web-server", "config"},
                                                                    {"settings", "plain-http", "dry-run", "check",
                                                                     "remove", "repair", "help", "version"}},
                                                                   argc, argv));
    CEYMAIL_TRY_ASSIGN(const auto command, command_of(line));
    if (command == Command::repair) CEYMAIL_TRY(check_repair(line));
    CEYMAIL_TRY_ASSIGN(auto wish, wish_of(line));
    return Options{
        .command = command, .wish = std::move(wish), .dry_run = line.has("dry-run"), .config = line.value("config")};
}

}  // namespace ceymail::attach
