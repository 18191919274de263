// SPDX-License-Identifier: MIT
#include "ceymail/config/command_line.hpp"

#include <boost/program_options.hpp>

namespace ceymail::config {

namespace po = boost::program_options;

util::Result<CommandLine> CommandLine::parse(const OptionNames& names, int argc, const char* const* argv) try {
    po::options_description options;
    for (const char* name : names.with_value) options.add_options()(name, po::value<std::string>());
    for (const char* name : names.without) options.add_options()(name, "");
    po::positional_options_description operands;  // without it operands would be ignored
    if (names.operand != nullptr) {
        options.add_options()(names.operand, po::value<std::string>());
        operands.add(names.operand, 1);
    }
    namespace style = po::command_line_style;
    po::variables_map all;
    po::store(po::command_line_parser(argc, argv)
                  .options(options)
                  .positional(operands)
                  .style(style::unix_style & ~style::allow_guessing)
                  .run(),
              all);
    CommandLine line;
    for (const auto& [name, given] : all) {
        const auto* const value = boost::any_cast<std::string>(&given.value());
        line.m_given.emplace(name, value != nullptr ? *value : std::string());
    }
    return line;
} catch (const po::error& problem) {
    return util::fail(util::ErrorKind::invalid,
                      std::string(problem.what()) + "; see " + std::string(names.program) + " --help");
}

std::optional<std::string> CommandLine::value(std::string_view name) const {
    const auto found = m_given.find(name);
    if (found == m_given.end()) return std::nullopt;
    return found->second;
}

}  // namespace ceymail::config
