// SPDX-License-Identifier: MIT
#include "ceymail/config/certificate_entry.hpp"

#include <algorithm>

namespace ceymail::config {

namespace {

constexpr const char* k_name_letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
constexpr std::size_t k_max_name = 64;

}  // namespace

util::Result<CertificateEntry> parse_certificate_entry(const std::string& value) {
    const auto blank = std::min(value.find_first_of(" \t"), value.size());
    const auto begin = std::min(value.find_first_not_of(" \t", blank), value.size());
    CertificateEntry entry{value.substr(0, blank), value.substr(begin)};
    if (entry.name.empty() || entry.name.size() > k_max_name ||
        entry.name.find_first_not_of(k_name_letters) != std::string::npos)
        return util::fail(util::ErrorKind::invalid, entry.name + " is no name of a-z, 0-9 and '-' with up to " +
                                                        std::to_string(k_max_name) + " characters");
    if (!entry.path.is_absolute())
        return util::fail(util::ErrorKind::invalid, "no absolute path follows the name " + entry.name);
    entry.path = entry.path.lexically_normal();
    return entry;
}

}  // namespace ceymail::config
