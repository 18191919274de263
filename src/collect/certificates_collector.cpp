// SPDX-License-Identifier: MIT
#include "ceymail/collect/certificates_collector.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <span>
#include <utility>

#include "ceymail/collect/systemd_units.hpp"
#include "ceymail/util/siphash.hpp"
#include "ceymail/util/time_format.hpp"

namespace ceymail::collect {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::floor;
using std::chrono::seconds;

constexpr auto k_look_interval = 60s;
constexpr auto k_soon = 14 * 24h;
constexpr auto k_day = 24h;

exposition::Value value_of(UnixTime time) {
    const auto count = time.count();
    return count < 0 ? exposition::Value(static_cast<double>(count)) : static_cast<std::uint64_t>(count);
}

// The key is fixed: a name must be the same after a restart and on each host.
std::string suffix_of(const fs::path& path) {
    const auto& text = path.native();
    const auto hash = util::siphash(std::as_bytes(std::span(text)), util::SipKey{0, 0});
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08llx", static_cast<unsigned long long>(hash & 0xffffffffU));
    return digits;
}

std::string time_of(UnixTime time) {
    return time.count() < 0 ? "1970 or before" : util::utc_time(static_cast<std::uint64_t>(time.count()));
}

// Of two web servers, an enabled one excludes one that is not.
bool is_unused(const std::set<std::string>& enabled, TlsServer server) {
    const bool nginx = enabled.contains("nginx.service");
    const bool apache = enabled.contains("apache2.service") || enabled.contains("httpd.service");
    return (server == TlsServer::nginx && apache && !nginx) || (server == TlsServer::apache && nginx && !apache);
}

util::Error cannot_read(const NamedCertificate& named, const util::Error& cause) {
    return {cause.kind, cause.code,
            "cannot read the certificate " + named.path.string() + " of " + named.name + ": " + cause.message +
                "; correct the file or what names it; if the sandbox hides it, a line `certificate = " + named.name +
                " " + named.path.string() +
                "` of ceymail-metrics.conf, then systemctl daemon-reload && systemctl "
                "restart ceymail-metrics shows it"};
}

}  // namespace

std::vector<NamedCertificate> named(TlsServer server, const std::vector<fs::path>& paths) {
    std::vector<NamedCertificate> all;
    for (const auto& path : paths) {
        auto name = std::string(name_of(server));
        if (paths.size() > 1) name += "-" + suffix_of(path);
        if (std::ranges::find(all, name, &NamedCertificate::name) == all.end())
            all.push_back({std::move(name), path, server});
    }
    return all;
}

CertificatesCollector::CertificatesCollector(const config::Configuration& configuration, fs::path root,
                                             util::ClockFunction now, FileClock file_clock)
    : m_entries(configuration.certificates), m_root(std::move(root)), m_now(now), m_file_clock(file_clock) {
    for (const auto server : k_tls_servers) {
        const bool named_by_line =
            std::ranges::any_of(m_entries, [&](const auto& entry) { return server_of(entry.name) == server; });
        if (configuration.find_certificates && !named_by_line) m_configurations.emplace_back(server, m_root);
    }
}

void CertificatesCollector::prepare() {
    look_for_paths();
    list_certificates();
}

util::Result<Families> CertificatesCollector::collect(util::BootTime) {
    if (!m_looked_at || m_now() - *m_looked_at >= k_look_interval) look_for_paths();
    list_certificates();
    return families();
}

void CertificatesCollector::look_for_paths() {
    m_looked_at = m_now();
    m_wanted.clear();
    m_unfound.clear();
    for (const auto& entry : m_entries) m_wanted.push_back({entry.name, entry.path, server_of(entry.name)});
    if (m_configurations.empty()) return;
    const auto enabled = enabled_units(m_root);
    for (auto& paths : m_configurations) {
        if (is_unused(enabled, paths.server())) continue;
        const auto& found = paths.read();
        if (found) std::ranges::move(named(paths.server(), *found), std::back_inserter(m_wanted));
        if (!found) m_unfound.push_back(found.error());
    }
}

const util::Result<Certificate>& CertificatesCollector::read(const fs::path& path) {
    const auto file = m_root / path.relative_path();
    const auto before = m_file_clock();
    const auto known = m_known.find(path);
    if (known != m_known.end() && known->second.settled && stamp_at(file) == known->second.certificate->stamp)
        return known->second.certificate;
    auto certificate = read_certificate(file);
    const bool settled = certificate && is_settled(certificate->stamp, before);
    return (m_known.insert_or_assign(path, Known{std::move(certificate), settled}).first)->second.certificate;
}

void CertificatesCollector::list_certificates() {
    m_listed.clear();
    m_faults = m_unfound;
    std::erase_if(m_known, [&](const auto& one) {
        return std::ranges::find(m_wanted, one.first, &NamedCertificate::path) == m_wanted.end();
    });
    for (const auto& wanted : m_wanted) {
        const auto& certificate = read(wanted.path);
        if (certificate)
            m_listed.push_back({wanted, *certificate, wanted.server ? load_time_of(*wanted.server) : std::nullopt});
        if (!certificate) m_faults.push_back(cannot_read(wanted, certificate.error()));
    }
    m_left_out = m_listed.size() - std::min(m_listed.size(), k_most_listed_certificates);
    if (m_left_out == 0) return;
    std::ranges::stable_sort(m_listed, {}, [](const Listed& one) { return one.certificate.not_after; });
    m_listed.resize(k_most_listed_certificates);
    std::ranges::sort(m_listed, {}, [](const Listed& one) { return one.named.name; });
}

// The server writes this file at each start and reload, by systemd, by its own command or by a signal. nginx writes
// none, and Postfix loads a new certificate without a reload.
std::optional<UnixTime> CertificatesCollector::load_time_of(TlsServer server) const {
    if (server != TlsServer::dovecot && server != TlsServer::apache) return std::nullopt;
    const auto* const mark = server == TlsServer::dovecot ? "run/dovecot/config" : "run/apache2/apache2.pid";
    const auto stamp = stamp_at(m_root / mark);
    return stamp ? std::optional(floor<seconds>(stamp->modified)) : std::nullopt;
}

Families CertificatesCollector::families() const {
    using enum exposition::MetricType;
    exposition::MetricFamily end{"ceymail_certificate_not_after_timestamp_seconds",
                                 "End of the validity of the first certificate in the file that the server uses, in "
                                 "seconds since 1970.",
                                 gauge};
    exposition::MetricFamily modified{"ceymail_certificate_modified_timestamp_seconds",
                                      "Last change of the file of the certificate, in seconds since 1970.", gauge};
    exposition::MetricFamily loaded{"ceymail_certificate_loaded_timestamp_seconds",
                                    "When the server last read its certificates, by a start or reload, in seconds "
                                    "since 1970; before the file's last change: it still uses the one before.",
                                    gauge};
    for (const auto& [named, certificate, load_time] : m_listed) {
        const decltype(exposition::Sample::labels) labels{{"name", named.name}};
        end.samples.push_back({labels, value_of(certificate.not_after)});
        modified.samples.push_back({labels, value_of(floor<seconds>(certificate.stamp.modified))});
        if (load_time) loaded.samples.push_back({labels, value_of(*load_time)});
    }
    Families all;
    for (auto* family : {&end, &modified, &loaded})
        if (!family->samples.empty()) all.push_back(std::move(*family));
    return all;
}

std::optional<util::Error> CertificatesCollector::shortfall() const {
    if (m_faults.empty()) return std::nullopt;
    auto error = m_faults.front();
    if (m_faults.size() > 1)
        error.message += " (and " + std::to_string(m_faults.size() - 1) + " more; --check lists them)";
    return error;
}

std::vector<Finding> CertificatesCollector::findings() const {
    using enum Finding::Level;
    std::vector<Finding> all;
    if (m_faults.size() > 1)  // a single one is the shortfall
        for (const auto& fault : m_faults) all.push_back({bad, "certificates", fault.message});
    const auto now = floor<seconds>(m_file_clock());
    for (const auto& [named, certificate, loaded] : m_listed) {
        const auto end = certificate.not_after;
        const auto days = std::to_string((end - now) / k_day);
        const auto words = named.path.string() + ", valid until " + time_of(end);
        const auto subject = "certificate " + named.name;
        if (end <= now)
            all.push_back({bad, subject, words + ": it has expired; renew it (certbot renew), then reload the server"});
        else if (loaded && *loaded < floor<seconds>(certificate.stamp.modified))
            all.push_back({warning, subject,
                           words + ": the server still uses the one before; reload it, and give certbot the command as "
                                   "--deploy-hook"});
        else if (end - now < k_soon)
            all.push_back(
                {warning, subject,
                 words + ", in " + days + " days: it should have been renewed; systemctl status certbot.timer"});
        else
            all.push_back({ok, subject, words});
    }
    if (m_left_out != 0)
        all.push_back({warning, "certificates",
                       std::to_string(m_left_out) + " more than " + std::to_string(k_most_listed_certificates) +
                           " are found; those that end first have metrics; name the ones you want by lines "
                           "`certificate = NAME PATH`"});
    return all;
}

}  // namespace ceymail::collect
