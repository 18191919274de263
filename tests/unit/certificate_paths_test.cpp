// SPDX-License-Identifier: MIT
// Which files of certificates the configurations of the servers name, as Debian and CeyMail write them.
#include "ceymail/collect/certificate_paths.hpp"

#include <sys/socket.h>
#include <sys/stat.h>

#include <functional>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/certificates_collector.hpp"
#include "ceymail/collect/regular_file.hpp"
#include "support/temporary_directory.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ceymail;
using namespace ceymail::collect;
using ceymail::testing::TemporaryDirectory;

const std::string k_live = "/etc/letsencrypt/live/mail.example.org/fullchain.pem";
const std::string k_other = "/etc/letsencrypt/live/example.org/fullchain.pem";

// "a b": the paths that are found, or "error: words".
std::string found(CertificatePaths& paths) {
    const auto& all = paths.read();
    if (!all) return "error: " + all.error().message;
    std::string text;
    for (const auto& path : *all) text += (text.empty() ? "" : " ") + path.string();
    return text;
}

std::string found(TlsServer server, const TemporaryDirectory& root) {
    CertificatePaths paths(server, root.path());
    return found(paths);
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

BOOST_AUTO_TEST_SUITE(certificate_paths)

BOOST_AUTO_TEST_CASE(of_postfix_are_those_of_main_cf) {
    struct {
        const char* label;
        const char* text;
        std::string want;
    } const cases[] = {
        {"Debian",
         "# TLS parameters\nsmtpd_tls_cert_file=/etc/ssl/certs/ssl-cert-snakeoil.pem\n"
         "smtpd_tls_key_file=/etc/ssl/private/ssl-cert-snakeoil.key\n",
         "/etc/ssl/certs/ssl-cert-snakeoil.pem"},
        {"blanks", "  \nsmtpd_tls_cert_file   =\t/a.pem  \n", "/a.pem"},
        {"the later counts", "smtpd_tls_cert_file = /a.pem\nsmtpd_tls_cert_file = /b.pem\n", "/b.pem"},
        {"emptied later", "smtpd_tls_cert_file = /a.pem\nsmtpd_tls_cert_file =\n", ""},
        {"none", "smtpd_tls_cert_file = none\n", ""},
        {"a comment", "#smtpd_tls_cert_file = /a.pem\n", ""},
        {"the client's", "smtp_tls_cert_file = /a.pem\n", ""},
        {"ECDSA too", "smtpd_tls_eccert_file = /b.pem\nsmtpd_tls_cert_file = /a.pem\n", "/a.pem /b.pem"},
        {"chains take their place",
         "smtpd_tls_cert_file = /a.pem\nsmtpd_tls_chain_files =\n    /k1.pem,\n# why\n\n\t/k2.pem\n",
         "/k1.pem /k2.pem"},
        {"a continued line of another", "myhostname = x\n  smtpd_tls_cert_file = /a.pem\n", ""},
        {"a first line that continues nothing", "  /a.pem\nsmtpd_tls_cert_file = /b.pem", "/b.pem"},
        {"a name in it", "live = /live\nsmtpd_tls_cert_file = $live/a.pem\n", "/live/a.pem"},
        {"nothing", "", ""},
    };
    for (const auto& c : cases) BOOST_TEST(joined(postfix_certificates(c.text)) == c.want, c.label);
}

BOOST_AUTO_TEST_CASE(of_dovecot_are_its_settings_of_both_versions) {
    struct {
        const char* label;
        std::string text;
        std::string want;
    } const cases[] = {
        {"Debian 12", "ssl = yes\nssl_cert = </etc/dovecot/private/dovecot.pem\nssl_key = </etc/dovecot/private/k\n",
         "/etc/dovecot/private/dovecot.pem"},
        {"Debian 13", "ssl = yes\nssl_server_cert_file = /etc/dovecot/private/dovecot.pem\n",
         "/etc/dovecot/private/dovecot.pem"},
        {"CeyMail", "ssl = required\nssl_cert = <" + k_live + "\n", k_live},
        {"a blank after <, and quotes", "ssl_cert = \"< /a.pem\"\n", "/a.pem"},
        {"the last outside of blocks", "ssl_cert = </a.pem\nssl_cert = </b.pem # why\n", "/b.pem"},
        {"of a name beside it", "ssl_cert = </a.pem\nlocal_name x {\n  ssl_cert = </b.pem\n}\nssl_cert = </c.pem\n",
         "/c.pem /b.pem"},
        {"a comment", "#ssl_cert = </a.pem\n", ""},
        {"TLS off", "ssl_cert = </a.pem\nssl = no\n", ""},
        {"a variable", "ssl_cert = <$dir/a.pem\n", ""},
        {"the certificate itself", "ssl_cert = -----BEGIN CERTIFICATE-----\n", ""},
        {"a relative path", "ssl_cert = <private/a.pem\n", "/etc/dovecot/private/a.pem"},
    };
    for (const auto& c : cases) {
        const TemporaryDirectory root;
        root.write("etc/dovecot/dovecot.conf", c.text);
        BOOST_TEST(found(TlsServer::dovecot, root) == c.want, c.label);
    }
}

BOOST_AUTO_TEST_CASE(of_dovecot_are_found_by_includes_in_their_order) {
    const TemporaryDirectory root;
    root.write("etc/dovecot/dovecot.conf",
               "!include_try /usr/share/dovecot/protocols.d/*.protocol\n"
               "dict {\n}\n!include conf.d/*.conf\n!include_try local.conf\n");
    root.write("etc/dovecot/conf.d/10-ssl.conf", "ssl = yes\nssl_cert = </etc/dovecot/private/dovecot.pem\n");
    root.write("etc/dovecot/conf.d/auth-sql.conf.ext", "ssl_cert = </no.pem\n");
    BOOST_TEST(found(TlsServer::dovecot, root) == "/etc/dovecot/private/dovecot.pem");
    root.write("etc/dovecot/local.conf", "ssl_cert = <" + k_live + "\n");
    BOOST_TEST(found(TlsServer::dovecot, root) == k_live);
}

BOOST_AUTO_TEST_CASE(of_nginx_are_found_by_includes) {
    const TemporaryDirectory root;
    root.write("etc/nginx/nginx.conf",
               "user www-data;\ninclude /etc/nginx/modules-enabled/*.conf;\nevents { }\nhttp {\n"
               "  # ssl_certificate /no.pem;\n  include mime.types;\n"
               "  include $site.conf;\n  include /etc/*/site.conf;\n  include site[12].conf;\n  include "
               "/etc/nginx/conf.d/*.conf;\n  include /etc/nginx/sites-enabled/*;\n}\n");
    for (const auto* passed : {"etc/nginx/site.conf", "etc/nginx/site1.conf"})
        root.write(passed, "ssl_certificate /passed/over.pem;\n");
    root.write("etc/nginx/mime.types", "types { text/html html; }\n");
    root.write("etc/nginx/sites-available/dash.example.org",
               "server {\n  listen 443 ssl http2;\n  server_name dash.example.org;\n  ssl_certificate " + k_other +
                   ";\n  ssl_certificate_key /etc/letsencrypt/live/example.org/privkey.pem;\n"
                   "  location / { proxy_pass http://127.0.0.1:3000; }\n}\n");
    root.write("etc/nginx/sites-available/roundcube-webmail",
               "server { listen 443 ssl; include snippets/mail.conf; ssl_certificate $x/a.pem; }\n");
    root.write("etc/nginx/snippets/mail.conf", "ssl_certificate \"" + k_live + "\";\n");
    fs::create_directories(root / "etc/nginx/sites-enabled");
    for (const auto* site : {"dash.example.org", "roundcube-webmail"})
        fs::create_symlink("../sites-available/" + std::string(site), root / "etc/nginx/sites-enabled" / site);
    BOOST_TEST(found(TlsServer::nginx, root) == k_other + " " + k_live);
}

BOOST_AUTO_TEST_CASE(of_apache_are_found_by_includes) {
    const TemporaryDirectory root;
    root.write("etc/apache2/apache2.conf",
               "DefaultRuntimeDir ${APACHE_RUN_DIR}\nIncludeOptional mods-enabled/*.load\n"
               "Include ports.conf\nIncludeOptional sites-enabled/*.conf\n");
    root.write("etc/apache2/ports.conf", "<IfModule ssl_module>\n\tListen 443\n</IfModule>\n");
    root.write("etc/apache2/sites-enabled/dash.conf",
               "<IfModule mod_ssl.c>\n<VirtualHost *:443>\n  ServerName dash.example.org\n  SSLCertificateFile " +
                   k_other +
                   "\n  SSLCertificateKeyFile /k.pem\n  #SSLCertificateFile /no.pem\n</VirtualHost>\n</IfModule>\n");
    BOOST_TEST(found(TlsServer::apache, root) == k_other);
}

BOOST_AUTO_TEST_CASE(are_none_where_a_server_is_not_installed) {
    const TemporaryDirectory root;
    for (const auto server : k_tls_servers) BOOST_TEST(found(server, root) == "", name_of(server));
}

BOOST_AUTO_TEST_CASE(follow_each_change) {
    const TemporaryDirectory root;
    const auto main = root.write("etc/postfix/main.cf", "smtpd_tls_cert_file = /a.pem\n");
    CertificatePaths paths(TlsServer::postfix, root.path());
    BOOST_TEST(found(paths) == "/a.pem");
    root.write("etc/postfix/main.cf", "smtpd_tls_cert_file = /b.pem\n");
    BOOST_TEST(found(paths) == "/b.pem");
    fs::remove(main);
    BOOST_TEST(found(paths) == "");
}

BOOST_AUTO_TEST_CASE(fail_with_the_file_the_cause_and_the_remedy) {
    const std::string remedy = "; correct it, or name them by lines `certificate = nginx PATH` of ceymail-metrics.conf";
    struct {
        const char* label;
        std::function<void(const TemporaryDirectory&)> make;
        std::string want;
    } const cases[] = {
        {"malformed", [](const auto& root) { root.write("etc/nginx/nginx.conf", "http {\n"); },
         "nginx.conf: line 2: the block http does not end"},
        {"a directory", [](const auto& root) { fs::create_directories(root / "etc/nginx/nginx.conf"); },
         "nginx.conf: it is a directory, not a regular file"},
        {"a FIFO",
         [](const auto& root) {
             root.write("etc/nginx/nginx.conf", "include a/*;");
             fs::create_directories(root / "etc/nginx/a");
             BOOST_TEST_REQUIRE(::mkfifo((root / "etc/nginx/a/f").c_str(), 0600) == 0);
         },
         "/etc/nginx/a/f: it is not a regular file"},
        {"a long file",
         [](const auto& root) {
             fs::resize_file(root.write("etc/nginx/nginx.conf", ""), 1U << 30U);  // a hole
         },
         "nginx.conf: it is longer than 1048576 bytes"},
        {"includes itself", [](const auto& root) { root.write("etc/nginx/nginx.conf", "include nginx.conf;"); },
         "nginx.conf: there are too many files, includes or certificates"},
        {"a directory of too many names",
         [](const auto& root) {
             root.write("etc/nginx/nginx.conf", "include a/*.conf;");
             for (int i = 0; i < 10'001; ++i) root.write("etc/nginx/a/" + std::to_string(i), "");
         },
         "/etc/nginx/a: there are too many names in it"},
    };
    for (const auto& c : cases) {
        const TemporaryDirectory root;
        c.make(root);
        const auto told = found(TlsServer::nginx, root);
        BOOST_TEST(told.starts_with("error: cannot find the certificates of nginx by /etc/nginx/"), told);
        BOOST_TEST(told.ends_with(c.want + remedy), c.label << ": " << told);
    }
}

BOOST_AUTO_TEST_CASE(are_found_in_a_directory_of_as_many_names_as_it_may_have) {
    const TemporaryDirectory root;
    root.write("etc/nginx/nginx.conf", "http { include /etc/nginx/conf.d/*.conf; }\n");
    root.write("etc/nginx/conf.d/a.conf", "server { ssl_certificate /a.pem; }\n");
    for (int i = 1; i < 10'000; ++i) root.write("etc/nginx/conf.d/" + std::to_string(i), "");
    BOOST_TEST(found(TlsServer::nginx, root) == "/a.pem");
    root.write("etc/nginx/conf.d/one-more", "");
    const auto error = found(TlsServer::nginx, root);
    BOOST_TEST(error.contains("/etc/nginx/conf.d: there are too many names in it"), error);
}

// A certificate's name is a label: it stays when other files come and go, and contains no name of a host.
BOOST_AUTO_TEST_CASE(get_names_that_stay) {
    const auto name = [](const std::vector<fs::path>& paths, std::size_t i) {
        return named(TlsServer::nginx, paths).at(i).name;
    };
    BOOST_TEST(name({k_live}, 0) == "nginx");
    BOOST_TEST(name({k_live, k_other}, 0) == name({"/a.pem", k_other, k_live}, 2));
    BOOST_TEST(name({k_live, k_other}, 0) != name({k_live, k_other}, 1));
    BOOST_TEST(name({k_live, k_other}, 0).size() == std::string("nginx-01234567").size());
    BOOST_TEST(name({k_live, k_other}, 0).find("example") == std::string::npos);
    BOOST_TEST((server_of("dovecot-x") == TlsServer::dovecot));
    BOOST_TEST((server_of("dovecot") == TlsServer::dovecot));
    for (const auto* other : {"dovecotx", "imap", ""}) BOOST_TEST(!server_of(other), other);
}

// One read(2) gives less than the whole, as for a file of /proc.
BOOST_AUTO_TEST_CASE(read_a_file_that_comes_in_parts) {
    int ends[2];
    BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    const util::Fd from(ends[0]);
    {
        const util::Fd to(ends[1]);
        for (const std::string part : {"abc", "d", "efgh"})
            BOOST_TEST_REQUIRE(::send(to.get(), part.data(), part.size(), 0) == static_cast<ssize_t>(part.size()));
    }
    std::string text(6, '-');
    const auto got = read_into(from, text);
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(*got == 6U);
    BOOST_TEST(text == "abcdef");
    text.assign(6, '-');
    BOOST_TEST(read_into(from, text).value() == 0U);
    BOOST_TEST(text == "------");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
