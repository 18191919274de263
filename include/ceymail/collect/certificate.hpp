// SPDX-License-Identifier: MIT
// Certificate: the end of the first certificate in a PEM file. RFC 7468, RFC 5280.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string_view>

#include "ceymail/collect/directory_stamp.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

// Seconds since 1970. A certificate may end before that.
using UnixTime = std::chrono::seconds;

inline constexpr std::size_t k_most_certificate_bytes = 64 * 1024;  // a chain of three has 4 kB

// Parses the first certificate of `pem`, which servers send as their own. Text around it, and blocks of another kind
// before it, such as a key, are skipped without being decoded.
// Returns: its notAfter. Errors: invalid: there is none, or it is malformed. The message is the cause alone.
[[nodiscard]] util::Result<UnixTime> end_of_first_certificate(std::string_view pem);

struct Certificate {
    UnixTime not_after{};
    DirectoryStamp stamp{};  // of the file, behind any symbolic links
};

// Reads at most k_most_certificate_bytes of the file.
// Errors: as open_regular() and end_of_first_certificate(). The message is the cause alone.
// Security: the file may contain a private key too, as Postfix wants it in smtpd_tls_chain_files. Its bytes are in one
// buffer, which is wiped. They reach no parser, log or message.
[[nodiscard]] util::Result<Certificate> read_certificate(const std::filesystem::path& path);

}  // namespace ceymail::collect
