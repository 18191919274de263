// SPDX-License-Identifier: MIT
#include "ceymail/attachment/apache_modules.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include <sysexits.h>

#include "ceymail/attachment/command.hpp"
#include "ceymail/util/directory.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::attachment {
namespace {

constexpr std::string_view k_suffix = ".load";

std::set<std::string> enabled_modules(const Host& host) {
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

std::vector<std::string> missing_modules(const Host& host, bool settings) {
    const auto enabled = enabled_modules(host);
    const auto is_missing = [&](const auto& name) { return !enabled.contains(name); };
    std::vector<std::string> missing;
    std::ranges::copy_if(host.needed_modules, std::back_inserter(missing), is_missing);
    if (settings) std::ranges::copy_if(host.settings_modules, std::back_inserter(missing), is_missing);
    return missing;
}

Outcome<std::vector<std::string>> enable_modules(const Host& host, const std::vector<std::string>& names) {
    const auto before = enabled_modules(host);
    const auto added = [&] {
        std::vector<std::string> all;
        std::ranges::set_difference(enabled_modules(host), before, std::back_inserter(all));
        return all;
    };
    for (const auto& name : names) {
        const auto finished = run_for(host, host.enable_module, name);
        if (finished.succeeded()) continue;
        disable_modules(host, added());
        return failed(EX_CONFIG, "cannot enable Apache's module " + name + ": " + finished.cause() +
                                     "; the site is unchanged; run a2enmod " + name + " and look at what it says");
    }
    return added();
}

void disable_modules(const Host& host, const std::vector<std::string>& names) {
    for (auto name = names.rbegin(); name != names.rend(); ++name) {
        const auto finished = run_for(host, host.disable_module, *name);
        if (finished.succeeded()) continue;
        util::log(util::LogLevel::warning,
                  {"cannot disable Apache's module ", *name, " again: ", finished.cause(), "; run a2dismod ", *name});
    }
}

}  // namespace ceymail::attachment
