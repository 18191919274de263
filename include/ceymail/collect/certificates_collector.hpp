// SPDX-License-Identifier: MIT
// CertificatesCollector: when the certificates of the host's servers end, and whether a new one is in use.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ceymail/collect/certificate.hpp"
#include "ceymail/collect/certificate_paths.hpp"
#include "ceymail/collect/collector.hpp"
#include "ceymail/config/configuration.hpp"

namespace ceymail::collect {

struct NamedCertificate {
    std::string name;
    std::filesystem::path path;
    std::optional<TlsServer> server{};
};

// Returns: the name of each certificate of a server: that of the server if it has one file; else with a suffix that
// follows from the path alone, so that a name stays when other files come and go. It contains no host name.
[[nodiscard]] std::vector<NamedCertificate> named(TlsServer server, const std::vector<std::filesystem::path>& paths);

// How many certificates have metrics: of more, those that end first.
inline constexpr std::size_t k_most_listed_certificates = 16;

// ceymail_certificate_not_after_timestamp_seconds, ceymail_certificate_modified_timestamp_seconds, and of Dovecot and
// Apache ceymail_certificate_loaded_timestamp_seconds.
// The lines of the configuration that belong to a server take the place of what its own configuration names. Of nginx
// and Apache an enabled one excludes one that is not enabled.
// The servers' configurations are looked at once a minute, by their stamps; the files of certificates each time, and
// read if their stamps have changed.
// A file that cannot be read is a shortfall.
class CertificatesCollector final : public Collector {
public:
    // `root`: in front of each path.
    explicit CertificatesCollector(const config::Configuration& configuration, std::filesystem::path root = "/",
                                   util::ClockFunction now = util::BootClock::now,
                                   FileClock file_clock = file_clock_now);

    [[nodiscard]] std::string_view name() const noexcept override { return "certificates"; }
    // Reads all once, so that the first scrape need not: OpenSSL takes milliseconds for its first certificate.
    void prepare() override;
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;
    [[nodiscard]] std::optional<util::Error> shortfall() const override;
    [[nodiscard]] std::vector<Finding> findings() const override;

private:
    struct Known {
        util::Result<Certificate> certificate;
        bool settled = false;  // it was read, and an equal stamp proves that nothing has changed
    };
    struct Listed {
        NamedCertificate named;
        Certificate certificate;
        std::optional<UnixTime> loaded{};
    };

    void look_for_paths();
    [[nodiscard]] const util::Result<Certificate>& read(const std::filesystem::path& path);
    void list_certificates();
    [[nodiscard]] std::optional<UnixTime> load_time_of(TlsServer server) const;
    [[nodiscard]] Families families() const;

    std::vector<config::CertificateEntry> m_entries;
    std::filesystem::path m_root;
    util::ClockFunction m_now;
    FileClock m_file_clock;
    std::vector<CertificatePaths> m_configurations;
    std::optional<util::BootTime> m_looked_at{};
    std::vector<NamedCertificate> m_wanted;
    std::vector<util::Error> m_unfound;  // of the last look
    std::map<std::filesystem::path, Known> m_known;
    std::vector<Listed> m_listed;
    std::size_t m_left_out = 0;
    std::vector<util::Error> m_faults;  // of the last collect()
};

}  // namespace ceymail::collect
