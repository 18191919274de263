// SPDX-License-Identifier: MIT
#include "ceymail/attachment/watch.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "ceymail/attachment/command.hpp"
#include "ceymail/attachment/site_file.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::attachment {
namespace {

namespace fs = std::filesystem;
using util::LogLevel;

constexpr const char* k_drop_in = "site.conf";

fs::path drop_in_directory(const Host& host, const char* unit) { return host.drop_ins / (std::string(unit) + ".d"); }

std::set<std::string> unwatched_directories(const Host& host, const fs::path& named, const fs::path& file) {
    std::set<std::string> directories;
    for (const auto& path : {named, file}) {
        const auto directory = fs::absolute(path).parent_path();
        if (std::ranges::find(host.watched, directory) == host.watched.end()) directories.insert(directory.string());
    }
    return directories;
}

bool write_drop_in(const Host& host, const char* unit, const std::string& lines) {
    const auto directory = drop_in_directory(host, unit);
    std::error_code error;
    fs::create_directories(directory, error);
    const auto written =
        write_file(directory / k_drop_in, "# Made by ceymail-attach(8); --remove removes it.\n" + lines, 0644);
    if (!written) util::log(LogLevel::warning, written.error().message);
    return written.has_value();
}

void write_drop_ins(const Host& host, const std::set<std::string>& directories) {
    std::string watched = "[Path]\n";
    std::string writable = "[Service]\n";
    for (const auto& directory : directories) {
        if (!util::is_plain_in_unit(directory)) {
            util::log(LogLevel::warning, {"the directory ", directory,
                                          " is not watched: its name has other characters "
                                          "than a unit file takes; look at the site with --check after a change"});
            continue;
        }
        watched += "PathChanged=" + directory + "\n";
        writable += "ReadWritePaths=-" + directory + "\n";
    }
    if (write_drop_in(host, "ceymail-attach.path", watched)) write_drop_in(host, "ceymail-attach.service", writable);
}

void remove_drop_ins(const Host& host) {
    for (const auto* const unit : {"ceymail-attach.path", "ceymail-attach.service"}) {
        std::error_code ignored;
        fs::remove(drop_in_directory(host, unit) / k_drop_in, ignored);
        fs::remove(drop_in_directory(host, unit), ignored);  // only if it is empty
    }
}

void run_logged(const Host& host, const Arguments& command, const std::string& what) {
    const auto finished = run_command(command, host.command_timeout);
    if (!finished.succeeded()) util::log(LogLevel::warning, {"cannot ", what, ": ", finished.cause()});
}

}  // namespace

void start_watch(const Host& host, const fs::path& named, const fs::path& file) {
    if (host.start_watch.empty()) {
        util::log(LogLevel::notice,
                  "without systemd nothing watches the site; run ceymail-attach again after it was rewritten");
        return;
    }
    remove_drop_ins(host);
    if (const auto others = unwatched_directories(host, named, file); !others.empty()) write_drop_ins(host, others);
    run_logged(host, host.reload_units, "make systemd read its units again");
    run_logged(host, host.start_watch,
               "start the units that watch the site (ceymail-attach.path, ceymail-attach.timer)");
}

void stop_watch(const Host& host) {
    run_logged(host, host.stop_watch, "stop the units that watch the site (ceymail-attach.path, ceymail-attach.timer)");
    remove_drop_ins(host);
    run_logged(host, host.reload_units, "make systemd read its units again");
}

}  // namespace ceymail::attachment
