// SPDX-License-Identifier: MIT
#include "ceymail/doctor/unit_sandbox.hpp"

#include <algorithm>
#include <functional>
#include <sstream>

namespace ceymail::doctor {

namespace {

// Calls `visit` for each KEY=VALUE of the section [Service].
void for_each_setting(std::string_view unit,
                      const std::function<void(const std::string& key, const std::string& value)>& visit) {
    std::istringstream lines{std::string(unit)};
    bool in_service = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('[')) in_service = line.starts_with("[Service]");
        const auto equals = line.find('=');
        if (!in_service || line.starts_with('#') || line.starts_with(';') || equals == std::string::npos) continue;
        visit(line.substr(0, equals), line.substr(equals + 1));
    }
}

std::string property_of(const std::string& key) {
    return key.ends_with("Sec") ? key.substr(0, key.size() - 3) + "USec" : key;
}

void add_once(std::vector<std::string>& all, const std::string& one) {
    if (std::ranges::find(all, one) == all.end()) all.push_back(one);
}

}  // namespace

std::vector<std::string> unknown_directives(std::string_view unit, const std::set<std::string>& properties) {
    std::vector<std::string> unknown;
    for_each_setting(unit, [&](const std::string& key, const std::string&) {
        if (!properties.contains(property_of(key))) add_once(unknown, key);
    });
    return unknown;
}

std::vector<std::string> unknown_system_calls(std::string_view unit, const std::set<std::string>& allowed) {
    std::vector<std::string> unknown;
    for_each_setting(unit, [&](const std::string& key, const std::string& value) {
        if (key != "SystemCallFilter" || value.starts_with('~')) return;
        std::istringstream words(value);
        for (std::string word; words >> word;)
            if (!word.starts_with('@') && !allowed.contains(word)) add_once(unknown, word);
    });
    return unknown;
}

}  // namespace ceymail::doctor
