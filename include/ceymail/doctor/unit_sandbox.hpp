// SPDX-License-Identifier: MIT
// What the unit file asks of systemd, and what the running systemd knows of it.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ceymail::doctor {

// Returns: the keys of [Service] in `unit` that are no properties of a service, in the order of the file. systemd skips
// a directive that it does not know, with a line in its log only.
// Source: systemd.directives(7); org.freedesktop.systemd1(5), by which a key XSec is the property XUSec.
[[nodiscard]] std::vector<std::string> unknown_directives(std::string_view unit,
                                                          const std::set<std::string>& properties);

// Returns: the system calls that SystemCallFilter= of `unit` allows by name and that are not in `allowed`. systemd
// skips those that its libseccomp does not know.
[[nodiscard]] std::vector<std::string> unknown_system_calls(std::string_view unit,
                                                            const std::set<std::string>& allowed);

}  // namespace ceymail::doctor
