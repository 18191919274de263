// SPDX-License-Identifier: MIT
// CommandLine: the long options of a program, with and without a value, and its operand.
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
    const char* operand = nullptr;  // the name of the one operand; null: none is accepted
};

class CommandLine {
public:
    // Accepts "--name value" and "--name=value", but no abbreviated name.
    // Errors: invalid: an unknown option, one given twice, a missing value, an operand too many.
    [[nodiscard]] static util::Result<CommandLine> parse(const OptionNames& names, int argc, const char* const* argv);

    [[nodiscard]] bool has(std::string_view name) const { return m_given.contains(name); }
    [[nodiscard]] std::optional<std::string> value(std::string_view name) const;

private:
    std::map<std::string, std::string, std::less<>> m_given;
};

}  // namespace ceymail::config
