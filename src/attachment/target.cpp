// SPDX-License-Identifier: MIT
#include "ceymail/attachment/target.hpp"

#include <sysexits.h>

#include "ceymail/site/ceymail_conf.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::attachment {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
    std::error_code error;
    return fs::symlink_status(path, error).type() != fs::file_type::not_found && !error;
}

Outcome<site::CeymailConf> read_ceymail_conf(const Host& host) {
    auto text = util::read_file(host.ceymail_conf);
    if (!text) {
        const bool missing = text.error().kind == util::ErrorKind::not_found;
        text.error().message +=
            missing ? "; is this a CeyMail host? Else name the site's file with --site" : "; run this as root";
        return failed(EX_NOINPUT, text.error());
    }
    auto conf = site::parse_ceymail_conf(*text, host.ceymail_conf.string());
    if (!conf) return failed(EX_CONFIG, conf.error());
    return *conf;
}

Outcome<fs::path> site_of_domain(const WebServerFiles& files, const std::string& domain) {
    const auto enabled = files.sites_enabled / (domain + files.suffix);
    if (is_there(enabled)) return enabled;
    const auto available = files.sites_available / (domain + files.suffix);
    if (is_there(available))
        return failed(EX_CONFIG, "the site " + available.string() + " is not enabled: there is no " + enabled.string() +
                                     "; enable it, or name another file with --site");
    return failed(EX_NOINPUT, "there is no site " + enabled.string() +
                                  "; run CeyMail's installer, or name the site's file with --site");
}

}  // namespace

Outcome<Target> find_target(const Host& host, const Wish& wish) {
    site::Request request;
    request.domain = wish.domain;
    request.plain_http = wish.plain_http;
    auto named = wish.site;
    auto server = wish.server;
    if (named.empty() || request.domain.empty()) {
        const auto conf = read_ceymail_conf(host);
        if (!conf && named.empty()) return std::unexpected(conf.error());
        if (conf && request.domain.empty()) request.domain = conf->dashboard_domain;
        if (conf && named.empty() && !server) server = conf->web_server;
    }
    if (named.empty()) {
        CEYMAIL_TRY_ASSIGN(named, site_of_domain(host.files_of(*server), request.domain));
    }
    CEYMAIL_TRY_ASSIGN(auto file, SiteFile::open(named));
    request.server = server ? *server : site::guess_web_server(file.text());
    const auto& files = host.files_of(request.server);
    request.includes = {files.metrics_include};
    if (wish.settings) request.includes.push_back(files.settings_include);
    return Target{std::move(named), std::move(file), std::move(request)};
}

}  // namespace ceymail::attachment
