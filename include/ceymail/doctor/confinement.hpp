// SPDX-License-Identifier: MIT
// The profile of AppArmor that confines a process, and what --check says of it. Source: apparmor(7), proc(5).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace ceymail::doctor {

struct Confinement {
    std::string profile;  // empty: unconfined
    std::string mode;     // enforce, complain, kill or mixed
};

// Parses the text of /proc/PID/attr/current: "PROFILE (MODE)", or "unconfined".
[[nodiscard]] Confinement parse_confinement(std::string_view text);

// Whether this kernel has AppArmor, and it is not turned off. `sys`: where sysfs is.
[[nodiscard]] bool has_apparmor(const std::filesystem::path& sys = "/sys");

// Returns: no value where it cannot be read, as by another user than root. Requires: has_apparmor().
[[nodiscard]] std::optional<Confinement> confinement_of(const std::filesystem::path& proc, pid_t process);

// Returns: the remedy, beginning with "; ", for the `trouble` of a collector that works elsewhere; empty where AppArmor
// is not its cause.
[[nodiscard]] std::string remedy_for_refusal(const std::optional<Confinement>& service, std::string_view trouble);

}  // namespace ceymail::doctor
