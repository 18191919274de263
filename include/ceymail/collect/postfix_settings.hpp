// SPDX-License-Identifier: MIT
// PostfixSettings: what main.cf and master.cf set. No defaults of Postfix: what neither file sets is empty.
// Source: postconf(5), master(5).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ceymail::collect {

class PostfixSettings {
public:
    // A line of master.cf, "submission inet n - y - - smtpd" with lines "-o name=value" behind it.
    struct Service {
        std::string name;     // "submission/inet", as postconf -P names it
        std::string command;  // "smtpd"
        std::map<std::string, std::string, std::less<>> overrides{};
    };

    // Text in, settings out. Of a name that is given twice the last value holds, as for Postfix.
    // Security: only root writes these files; any bytes are accepted.
    [[nodiscard]] static PostfixSettings parse(std::string_view main_cf, std::string_view master_cf);

    // Returns: the value in main.cf, with $name, ${name} and $(name) replaced; empty if it is not set. An expression
    // with a condition stays as it is, and so does what stands behind more than 1000 names.
    [[nodiscard]] std::string value(std::string_view name) const { return value({}, name); }

    // Returns: the same for one service, whose overrides come first.
    [[nodiscard]] std::string value(const Service& service, std::string_view name) const;

    [[nodiscard]] const std::vector<Service>& services() const noexcept { return m_services; }

private:
    [[nodiscard]] std::string raw(const Service& service, std::string_view name) const;
    [[nodiscard]] std::string expanded(const Service& service, std::string_view text, int depth, int& references) const;

    std::map<std::string, std::string, std::less<>> m_main;
    std::vector<Service> m_services;
};

}  // namespace ceymail::collect
