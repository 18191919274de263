// SPDX-License-Identifier: MIT
// Certificates of openssl(1) in the files of servers, and files that are none.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/certificates_collector.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {
namespace {

namespace fs = std::filesystem;
using namespace ceymail::collect;
using namespace std::chrono_literals;

// 2027-01-15 08:00 UTC.
constexpr auto k_now = std::chrono::seconds(1'800'000'000);
FileTime now() noexcept { return k_now; }

std::chrono::seconds turned{};
util::BootTime turned_clock() noexcept { return util::BootTime(1h + turned); }

// An authority that gives certificates any end.
class Authority {
public:
    Authority() {
        m_directory.write("ca.cnf",
                          "[ca]\ndefault_ca = own\n[own]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\n"
                          "default_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n");
        m_directory.write("index.txt", "");
        openssl({"req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                 "key.pem", "-out", "request.pem", "-subj", "/CN=mail.example.org"});
    }

    // `end` as in ASN.1: YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ.
    [[nodiscard]] std::string certificate(const std::string& end) const {
        openssl({"ca", "-batch", "-selfsign", "-notext", "-config", "ca.cnf", "-keyfile", "key.pem", "-in",
                 "request.pem", "-out", "certificate.pem", "-startdate", "20200101000000Z", "-enddate", end});
        return slurp(m_directory / "certificate.pem");
    }
    [[nodiscard]] std::string key() const { return slurp(m_directory / "key.pem"); }

private:
    void openssl(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), "openssl");
        const auto done = run({.arguments = arguments, .directory = m_directory.path()});
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
    }

    TemporaryDirectory m_directory;
};

const Authority& authority() {
    static const Authority s_authority;
    return s_authority;
}

// As certbot lays it out: a link in a directory of root to another.
void renew(const TemporaryDirectory& root, const std::string& host, int number, const std::string& pem) {
    const auto file = "fullchain" + std::to_string(number) + ".pem";
    root.write("etc/letsencrypt/archive/" + host + "/" + file, pem);
    const auto link = root / ("etc/letsencrypt/live/" + host + "/fullchain.pem");
    fs::create_directories(link.parent_path());
    fs::remove(link);
    fs::create_symlink("../../archive/" + host + "/" + file, link);
    for (const auto* directory : {"live", "archive"})
        fs::permissions(root / "etc/letsencrypt" / directory, fs::perms::owner_all);
}

CertificatesCollector collector_for(const TemporaryDirectory& root, const config::Configuration& configuration = {},
                                    FileClock file_clock = now) {
    return CertificatesCollector(configuration, root.path(), turned_clock, file_clock);
}

// "name=value name=value" of a family; empty: it is absent.
std::string samples(const Families& families, const std::string& name) {
    std::string text;
    for (const auto& family : families)
        if (family.name == name)
            for (const auto& sample : family.samples) {
                const auto* const whole = std::get_if<std::uint64_t>(&sample.value);
                text += (text.empty() ? "" : " ") + sample.labels.at(0).second + "=" +
                        (whole != nullptr ? std::to_string(*whole)
                                          : std::to_string(static_cast<long long>(std::get<double>(sample.value))));
            }
    return text;
}

std::string ends(CertificatesCollector& collector) {
    const auto families = collector.collect(util::BootTime::max());
    BOOST_TEST_REQUIRE(families.has_value());
    return samples(*families, "ceymail_certificate_not_after_timestamp_seconds");
}

BOOST_AUTO_TEST_SUITE(certificates)

BOOST_AUTO_TEST_CASE(end_as_openssl_says) {
    const struct {
        const char* end;
        std::int64_t want;
    } cases[] = {{"20270301120000Z", 1803902400},
                 {"20200201000000Z", 1580515200},
                 {"31220101000000Z", 36353577600},
                 {"99991231235959Z", 253402300799},
                 {"500101000000Z", -631152000}};
    for (const auto& [end, want] : cases) {
        const auto pem = authority().certificate(end);
        const auto got = end_of_first_certificate(pem);
        BOOST_TEST_REQUIRE(got.has_value(), end);
        BOOST_TEST(got->count() == want, end);
    }
}

BOOST_AUTO_TEST_CASE(are_the_first_of_their_file) {
    const auto first = authority().certificate("20270301120000Z");
    const auto second = authority().certificate("20280301120000Z");
    const auto key = authority().key();
    BOOST_TEST_REQUIRE(key.starts_with("-----BEGIN PRIVATE KEY-----"));
    for (const auto& text : {first, first + second, key + first + second, "Bag Attributes\n  x: y\n" + first,
                             first + key, key + key + first, first.substr(0, first.size() - 1)}) {
        const auto end = end_of_first_certificate(text);
        BOOST_TEST_REQUIRE(end.has_value(), text);
        BOOST_TEST(end->count() == 1803902400);
    }
}

BOOST_AUTO_TEST_CASE(that_are_none_are_told_by_their_cause) {
    const auto good = authority().certificate("20270301120000Z");
    auto broken = good;
    broken[100] = broken[100] == 'A' ? 'B' : 'A';
    broken.replace(40, 8, "********");
    struct {
        const char* label;
        std::function<void(const fs::path&)> make;
        const char* want;
    } const cases[] = {
        {"missing", [](const fs::path&) {}, "No such file or directory"},
        {"empty", [](const fs::path& p) { std::ofstream{p}; }, "there is no certificate in its first 64 kB"},
        {"garbage", [](const fs::path& p) { std::ofstream{p} << std::string(5000, '\xff'); },
         "there is no certificate in its first 64 kB"},
        {"a key alone", [](const fs::path& p) { std::ofstream{p} << authority().key(); },
         "there is no certificate in its first 64 kB"},
        {"broken", [&](const fs::path& p) { std::ofstream{p} << broken; }, "its first certificate is malformed"},
        {"cut", [&](const fs::path& p) { std::ofstream{p} << good.substr(0, 300); },
         "its first certificate is malformed"},
        {"a boundary alone", [](const fs::path& p) { std::ofstream{p} << "-----BEGIN CERTIFICATE-----"; },
         "its first certificate is malformed"},
        {"1 GiB",
         [](const fs::path& p) {
             std::ofstream{p};
             fs::resize_file(p, 1U << 30U);
         },
         "there is no certificate in its first 64 kB"},
        {"behind 64 kB", [&](const fs::path& p) { std::ofstream{p} << std::string(65536, '\n') << good; },
         "there is no certificate in its first 64 kB"},
        {"a directory", [](const fs::path& p) { fs::create_directory(p); }, "it is a directory, not a regular file"},
        {"a FIFO", [](const fs::path& p) { BOOST_TEST_REQUIRE(::mkfifo(p.c_str(), 0644) == 0); },
         "it is not a regular file"},
        {"a device", [](const fs::path& p) { fs::create_symlink("/dev/zero", p); }, "it is not a regular file"},
        {"a dead link", [](const fs::path& p) { fs::create_symlink("nowhere", p); }, "No such file or directory"},
        {"a loop", [](const fs::path& p) { fs::create_symlink("c.pem", p); }, "Too many levels of symbolic links"},
    };
    for (const auto& c : cases) {
        const TemporaryDirectory directory;
        c.make(directory / "c.pem");
        const auto read = read_certificate(directory / "c.pem");
        BOOST_TEST_REQUIRE(!read.has_value(), c.label);
        BOOST_TEST(read.error().message == c.want, c.label);
    }
}

BOOST_AUTO_TEST_CASE(of_all_servers_are_found_and_named) {
    const TemporaryDirectory root;
    renew(root, "mail.example.org", 1, authority().certificate("20270301120000Z"));
    renew(root, "example.org", 7, authority().certificate("20270401120000Z"));
    root.write("etc/ssl/certs/snakeoil.pem", authority().certificate("20320101000000Z"));
    root.write("etc/nginx/nginx.conf",
               "http { server { listen 443 ssl;\n"
               "ssl_certificate /etc/letsencrypt/live/example.org/fullchain.pem; } }\n");
    root.write("etc/apache2/apache2.conf", "SSLCertificateFile /etc/ssl/certs/snakeoil.pem\n");
    root.write("etc/postfix/main.cf", "smtpd_tls_cert_file=/etc/letsencrypt/live/mail.example.org/fullchain.pem\n");
    root.write("etc/dovecot/dovecot.conf", "ssl_cert = </etc/letsencrypt/live/mail.example.org/fullchain.pem\n");
    turned = 0s;
    auto collector = collector_for(root);
    BOOST_TEST(ends(collector) == "nginx=1806580800 apache=1956528000 postfix=1803902400 dovecot=1803902400");
    BOOST_TEST(!collector.shortfall().has_value());

    // An enabled web server excludes one that is not.
    fs::create_directories(root / "etc/systemd/system/multi-user.target.wants");
    fs::create_symlink("/lib/systemd/system/nginx.service",
                       root / "etc/systemd/system/multi-user.target.wants/nginx.service");
    turned = 60s;
    BOOST_TEST(ends(collector) == "nginx=1806580800 postfix=1803902400 dovecot=1803902400");

    // Renewed: the link points to another file.
    renew(root, "mail.example.org", 2, authority().certificate("20270601120000Z"));
    BOOST_TEST(ends(collector) == "nginx=1806580800 postfix=1811851200 dovecot=1811851200");
}

BOOST_AUTO_TEST_CASE(that_cannot_be_read_cost_only_their_own_samples) {
    const TemporaryDirectory root;
    root.write("good.pem", authority().certificate("20270301120000Z"));
    root.write("garbage.pem", "garbage");
    root.write("etc/postfix/main.cf", "smtpd_tls_cert_file=/good.pem\n");
    root.write("etc/dovecot/dovecot.conf", "ssl_cert = </garbage.pem\n");
    turned = 0s;
    auto collector = collector_for(root);
    BOOST_TEST(ends(collector) == "postfix=1803902400");
    BOOST_TEST_REQUIRE(collector.shortfall().has_value());
    const auto words = collector.shortfall()->message;
    BOOST_TEST(words.starts_with("cannot read the certificate /garbage.pem of dovecot: there is no certificate in its "
                                 "first 64 kB; correct the file or what names it; if the sandbox hides it, a line "
                                 "`certificate = dovecot /garbage.pem` of ceymail-metrics.conf, then systemctl"),
               words);
    root.write("etc/nginx/nginx.conf", "http {\n");
    turned = 60s;
    BOOST_TEST(ends(collector) == "postfix=1803902400");
    BOOST_TEST(collector.shortfall()->message.ends_with(" (and 1 more; --check lists them)"));
    BOOST_TEST(collector.findings().size() == 3U);  // both, and the good one
}

BOOST_AUTO_TEST_CASE(are_named_by_the_configuration_instead) {
    const TemporaryDirectory root;
    root.write("good.pem", authority().certificate("20270301120000Z"));
    root.write("etc/postfix/main.cf", "smtpd_tls_cert_file=/missing.pem\n");
    root.write("etc/nginx/nginx.conf", "ssl_certificate /good.pem;\n");
    config::Configuration options;
    options.certificates = {{"postfix-mail", "/good.pem"}, {"imap", "/good.pem"}};
    turned = 0s;
    auto collector = collector_for(root, options);
    BOOST_TEST(ends(collector) == "postfix-mail=1803902400 imap=1803902400 nginx=1803902400");
    BOOST_TEST(!collector.shortfall().has_value());
    options.find_certificates = false;
    auto named_alone = collector_for(root, options);
    BOOST_TEST(ends(named_alone) == "postfix-mail=1803902400 imap=1803902400");
    options.certificates.clear();
    auto none = collector_for(root, options);
    BOOST_TEST(none.collect(util::BootTime::max())->empty());
}

BOOST_AUTO_TEST_CASE(of_many_are_the_sixteen_that_end_first) {
    const TemporaryDirectory root;
    std::string site;
    for (int i = 10; i < 30; ++i) {
        const auto path = "/etc/ssl/" + std::to_string(i) + ".pem";
        root.write(path.substr(1), authority().certificate("20" + std::to_string(60 - i) + "0301120000Z"));
        site += "server { ssl_certificate " + path + "; }\n";
    }
    root.write("etc/nginx/nginx.conf", site);
    turned = 0s;
    auto collector = collector_for(root);
    const auto listed = ends(collector);
    BOOST_TEST(std::ranges::count(listed, '=') == 16);
    BOOST_TEST(listed.find("=2540287") == std::string::npos, "that of 2050 ends last: " + listed);
    BOOST_TEST(listed.find("=1930132800") != std::string::npos, "that of 2031 ends first: " + listed);
    BOOST_TEST(collector.findings().back().words.starts_with("4 more than 16 are found"));
}

// Dovecot makes its sockets again, and Apache its file of the process ID, when they read their certificates.
BOOST_AUTO_TEST_CASE(of_dovecot_and_apache_are_in_use_after_a_start_or_reload) {
    const TemporaryDirectory root;
    const auto file = root.write("a.pem", authority().certificate("20270301120000Z"));
    root.write("etc/dovecot/dovecot.conf", "ssl_cert = </a.pem\n");
    root.write("etc/postfix/main.cf", "smtpd_tls_cert_file=/a.pem\n");
    root.write("etc/apache2/apache2.conf", "SSLCertificateFile /a.pem\n");
    const auto written_at = [](const fs::path& path, std::chrono::seconds at, long nanoseconds) {
        const timespec times[2] = {{0, UTIME_OMIT}, {at.count(), nanoseconds}};
        BOOST_TEST_REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
    };
    turned = 0s;
    auto collector = collector_for(root);
    const auto told = [&] {
        const auto families = collector.collect(util::BootTime::max());
        BOOST_TEST_REQUIRE(families.has_value());
        return samples(*families, "ceymail_certificate_loaded_timestamp_seconds");
    };
    written_at(file, 1'799'000'000s, 100);
    BOOST_TEST(told() == "");  // neither runs
    const auto socket = root.write("run/dovecot/config", "");
    const auto pid = root.write("run/apache2/apache2.pid", "7\n");
    written_at(socket, 1'799'000'000s, 900);
    written_at(pid, 1'799'000'005s, 0);
    BOOST_TEST(told() == "apache=1799000005 dovecot=1799000000");
    for (const auto& finding : collector.findings()) BOOST_TEST((finding.level == Finding::Level::ok), finding.words);

    written_at(file, 1'799'500'000s, 0);
    BOOST_TEST(told() == "apache=1799000005 dovecot=1799000000");
    for (const auto& finding : collector.findings()) {
        const bool warned = finding.words.find("the server still uses the one before; ") != std::string::npos;
        BOOST_TEST(warned == (finding.subject != "certificate postfix"), finding.subject + finding.words);
    }
    written_at(socket, 1'799'500'060s, 0);
    BOOST_TEST(told() == "apache=1799000005 dovecot=1799500060");
}

BOOST_AUTO_TEST_CASE(that_rest_are_not_opened_again) {
    const TemporaryDirectory root;
    const auto file = root.write("a.pem", authority().certificate("20270301120000Z"));
    const auto main = root.write("etc/postfix/main.cf", "smtpd_tls_cert_file=/a.pem\n");
    std::this_thread::sleep_for(100ms);  // until their stamps tell each change
    turned = 0s;
    auto collector = collector_for(root, {}, file_clock_now);
    BOOST_TEST(ends(collector) == "postfix=1803902400");
    const util::Fd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    for (const auto& path : {file, main})
        BOOST_TEST_REQUIRE(::inotify_add_watch(watch.get(), path.c_str(), IN_OPEN) > 0);
    const auto opened = [&] {
        char events[4096];
        return ::read(watch.get(), events, sizeof events) > 0;
    };
    turned = 5min;
    BOOST_TEST(ends(collector) == "postfix=1803902400");
    BOOST_TEST(!opened());
    fs::last_write_time(main, fs::file_time_type::clock::now());
    turned = 10min;
    BOOST_TEST(ends(collector) == "postfix=1803902400");
    BOOST_TEST(opened());
}

BOOST_AUTO_TEST_CASE(are_judged_by_check) {
    const struct {
        const char* end;
        Finding::Level level;
        const char* words;
    } cases[] = {
        {"20270130080000Z", Finding::Level::ok, "/a.pem, valid until 2027-01-30T08:00:00Z"},
        {"20270128080000Z", Finding::Level::warning,
         "/a.pem, valid until 2027-01-28T08:00:00Z, in 13 days: it should have been renewed; "},
        {"20270115080000Z", Finding::Level::bad, "/a.pem, valid until 2027-01-15T08:00:00Z: it has expired; renew it "},
        {"31220101000000Z", Finding::Level::ok, "/a.pem, valid until 3122-01-01T00:00:00Z"},
    };
    for (const auto& [end, level, words] : cases) {
        const TemporaryDirectory root;
        root.write("a.pem", authority().certificate(end));
        config::Configuration options;
        options.find_certificates = false;
        options.certificates = {{"imap", "/a.pem"}};
        turned = 0s;
        auto collector = collector_for(root, options);
        BOOST_TEST(ends(collector) != "");
        const auto findings = collector.findings();
        BOOST_TEST_REQUIRE(findings.size() == 1U);
        BOOST_TEST(findings[0].subject == "certificate imap");
        BOOST_TEST((findings[0].level == level), end);
        BOOST_TEST(findings[0].words.starts_with(words), findings[0].words);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
