// SPDX-License-Identifier: MIT
// CertificateEntry: one line `certificate = NAME PATH` of ceymail-metrics.conf(5).
#pragma once

#include <filesystem>
#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::config {

struct CertificateEntry {
    std::string name;  // the label of ceymail_certificate_not_after_timestamp_seconds
    std::filesystem::path path;

    friend bool operator==(const CertificateEntry&, const CertificateEntry&) = default;
};

// Parses the value of the key. The path is the rest of the line after the name, so it may contain blanks.
// Errors: invalid: the message names what is wrong.
[[nodiscard]] util::Result<CertificateEntry> parse_certificate_entry(const std::string& value);

}  // namespace ceymail::config
