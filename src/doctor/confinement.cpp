// SPDX-License-Identifier: MIT
#include "ceymail/doctor/confinement.hpp"

#include <cerrno>
#include <cstring>

#include "ceymail/util/file.hpp"

namespace ceymail::doctor {

Confinement parse_confinement(std::string_view text) {
    text = text.substr(0, text.find_first_of(std::string_view("\n\0", 2)));
    const auto mode = text.rfind(" (");
    if (mode == std::string_view::npos || !text.ends_with(')')) return {};
    return {std::string(text.substr(0, mode)), std::string(text.substr(mode + 2, text.size() - mode - 3))};
}

bool has_apparmor(const std::filesystem::path& sys) {
    const auto enabled = util::read_file(sys / "module/apparmor/parameters/enabled");
    return enabled && enabled->starts_with('Y');
}

// Where another security module is the first one, attr/current is that one's.
std::optional<Confinement> confinement_of(const std::filesystem::path& proc, pid_t process) {
    const auto attributes = proc / std::to_string(process) / "attr";
    for (const auto* file : {"apparmor/current", "current"})
        if (const auto text = util::read_file(attributes / file); text && !text->empty())
            return parse_confinement(*text);
    return std::nullopt;
}

std::string remedy_for_refusal(const std::optional<Confinement>& service, std::string_view trouble) {
    if (!service || service->profile.empty() || service->mode == "complain" ||
        trouble.find(std::strerror(EACCES)) == std::string_view::npos)
        return {};
    return "; AppArmor's profile " + service->profile +
           " confines the service: journalctl -k --grep=apparmor.*DENIED names the path; allow it in "
           "/etc/apparmor.d/local/ceymail-metrics, then apparmor_parser -r /etc/apparmor.d/ceymail-metrics && "
           "systemctl restart ceymail-metrics";
}

}  // namespace ceymail::doctor
