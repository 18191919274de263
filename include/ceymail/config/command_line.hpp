// SPDX-License-Identifier: MIT
// CommandLine: the long options that a program was given, those with a value and those without.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/util/result.hpp"

namespace ceymail::config {

struct OptionNames {
    std::string_view program;  // for "see PROGRAM --help"
    std::vector<const char*> with_value;
    std::vector<const char*> without;
};

class CommandLine {
public:
    // "--name value" and "--name=value"; no name may be cut short. invalid: an unknown option, one given twice, a
    // missing value, an operand.
    [[nodiscard]] static util::Result<CommandLine> parse(const OptionNames& names, int argc, const char* const* argv);

    [[nodiscard]] bool has(std::string_view name) const { return m_given.contains(name); }
    [[nodiscard]] std::optional<std::string> value(std::string_view name) const;

private:
    std::map<std::string, std::string, std::less<>> m_given;
};

}  // namespace ceymail::config
