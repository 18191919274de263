// SPDX-License-Identifier: MIT
// CertificatePaths: the files of certificates that the configuration of a server names.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/collect/directory_stamp.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

enum class TlsServer { nginx, apache, postfix, dovecot };
inline constexpr TlsServer k_tls_servers[] = {TlsServer::nginx, TlsServer::apache, TlsServer::postfix,
                                              TlsServer::dovecot};

// Returns: "nginx", "apache", "postfix" or "dovecot".
[[nodiscard]] std::string_view name_of(TlsServer server) noexcept;

// Returns: the server to which a certificate of this name belongs: "nginx" or "nginx-anything" to nginx. None: to none.
[[nodiscard]] std::optional<TlsServer> server_of(std::string_view name) noexcept;

// Returns: the values of smtpd_tls_chain_files, or else of smtpd_tls_cert_file and its kin for ECDSA and DSA, of
// Postfix's main.cf. Of two settings of one parameter the later counts. Source: postconf(5).
[[nodiscard]] std::vector<std::string> postfix_certificates(std::string_view main_cf);

struct DovecotSetting {
    std::string key;  // also "!include", "!include_try"
    std::string value;
    std::size_t depth = 0;  // in how many blocks it stands
};

// Returns: the settings of a file of Dovecot's configuration, 2.3 or 2.4, that matter here: ssl, ssl_cert,
// ssl_server_cert_file and the includes, in their order.
[[nodiscard]] std::vector<DovecotSetting> dovecot_settings(std::string_view text);

// Returns: the absolute path that a setting names; none: it has a variable, an escape or a text in place of a path.
// `base`: of a relative path.
[[nodiscard]] std::optional<std::filesystem::path> plain_path(std::string_view value,
                                                              const std::filesystem::path& base);

// The configuration of one server. It follows includes, also with '*' in the last part of the path.
// Threads: one at a time.
class CertificatePaths {
public:
    // `root`: in front of each path; "/" but in tests.
    CertificatePaths(TlsServer server, std::filesystem::path root);

    // Reads the configuration again if a file or directory of it has changed, by its stamp. Reads at most 256 files of
    // 1 MiB, includes up to 8 deep, and 64 certificates.
    // Returns: each file once, in the order of the configuration; none if the server is not installed. What is not
    // plain is left out. Errors: a file cannot be read or parsed; the file, the cause and the remedy.
    [[nodiscard]] const util::Result<std::vector<std::filesystem::path>>& read();

    [[nodiscard]] TlsServer server() const noexcept { return m_server; }

private:
    struct Walk;

    [[nodiscard]] bool changed() const;

    TlsServer m_server;
    std::filesystem::path m_root;
    std::map<std::filesystem::path, std::optional<DirectoryStamp>> m_stamps;  // none: it does not exist
    bool m_settled = false;  // equal stamps prove that nothing has changed
    util::Result<std::vector<std::filesystem::path>> m_paths{};
};

}  // namespace ceymail::collect
