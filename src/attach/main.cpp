// SPDX-License-Identifier: MIT
// ceymail-attach: puts the endpoint into the dashboard's site. ceymail-attach(8).
#include <csignal>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/attach/options.hpp"
#include "ceymail/attachment/attachment.hpp"
#include "ceymail/attachment/watch.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::attach {
namespace {

using attachment::Host;
using util::LogLevel;

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

int preview_site(const Host& host, const Options& options) {
    const auto direction =
        options.command == Command::remove ? attachment::Direction::detach : attachment::Direction::attach;
    const auto difference = attachment::preview(host, options.wish, direction);
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
    CEYMAIL_TRY_ASSIGN(const auto options, parse_options(argc, argv));
    if (options.command == Command::help) return system::print(k_help);
    if (options.command == Command::version) return system::print("ceymail-attach " CEYMAIL_VERSION "\n");
    const auto configuration = config::load_configuration(options.config, config::PageKeys::may_be_wrong);
    if (!configuration) {
        util::log(LogLevel::error, configuration.error().message);
        return EX_CONFIG;
    }
    const auto host = attachment::installed_host(*configuration);
    if (!accept_page_faults(host, options.wish, configuration->page_faults)) return EX_CONFIG;
    if (options.command == Command::check) return check_site(host, options.wish);
    if (options.dry_run) return preview_site(host, options);
    if (::geteuid() != 0) {
        util::log(LogLevel::error, "cannot change a site without root's rights; run this with sudo");
        return EX_NOPERM;
    }
    if (options.command == Command::repair) return attachment::repair(host);
    return options.command == Command::remove ? remove_site(host, options.wish) : attach_site(host, options.wish);
}

}  // namespace
}  // namespace ceymail::attach

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);  // a web server that closes a connection is an error of that connection
    ::umask(022);
    return ceymail::system::run_program("ceymail-attach", [&] { return ceymail::attach::run(argc, argv); });
}
