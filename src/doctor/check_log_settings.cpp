// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/doctor/log_settings.hpp"

namespace ceymail::doctor {

void check_log_settings(CheckReport& report, const config::Configuration& configuration,
                        const std::filesystem::path& configuration_file) {
    constexpr const char* k_part = "log settings";
    SettingsPaths paths{.metrics = configuration_file};
    // As Postfix's own commands do. sudo(8) takes it away.
    const char* const directory = std::getenv("MAIL_CONFIG");
    if (directory != nullptr && *directory != '\0') paths.postfix = directory;
    const auto settings = read_log_settings(configuration, paths);
    for (const auto& warning : settings.warnings) report.warn(k_part, warning);
    if (settings.warnings.empty() && settings.is_postfix_there) report.ok(k_part, "Postfix logs what is counted");
}

}  // namespace ceymail::doctor
