// SPDX-License-Identifier: MIT
// read_page_parameters() on an environment of any strings, one per line of the input, and the authentication by them.
// fuzz: -max_len=1024
#include "ceymail/fastcgi/parameters.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "ceymail/page/authenticated_user.hpp"
#include "ceymail/page/utf8.hpp"
#include "fuzz/fuzz.hpp"

using ceymail::fastcgi::PageRequest;
using ceymail::fuzz::require;

namespace {

struct Field {
    std::string_view name;
    std::string PageRequest::* field;
};

constexpr Field k_fields[] = {{"CEYMAIL_GATEWAY_SECRET", &PageRequest::gateway_secret},
                              {"SERVER_NAME", &PageRequest::server_name},
                              {"SERVER_PORT", &PageRequest::server_port},
                              {"REQUEST_METHOD", &PageRequest::method},
                              {"REQUEST_URI", &PageRequest::uri},
                              {"REMOTE_ADDR", &PageRequest::remote_addr},
                              {"REMOTE_USER", &PageRequest::remote_user},
                              {"HTTPS", &PageRequest::https},
                              {"HTTP_HOST", &PageRequest::host},
                              {"HTTP_ORIGIN", &PageRequest::origin},
                              {"HTTP_SEC_FETCH_SITE", &PageRequest::fetch_site},
                              {"HTTP_COOKIE", &PageRequest::cookie},
                              {"CONTENT_TYPE", &PageRequest::content_type}};

// One entry per line, which ends at a NUL.
std::vector<std::string> entries_of(std::string_view text) {
    std::vector<std::string> entries;
    while (!text.empty()) {
        const auto [entry, others] = ceymail::fuzz::cut(text, '\n');
        entries.emplace_back(entry.substr(0, entry.find('\0')));
        text = others;
    }
    return entries;
}

PageRequest read(std::vector<std::string> entries) {
    std::vector<char*> environment;
    for (auto& entry : entries) environment.push_back(entry.data());
    environment.push_back(nullptr);
    return ceymail::fastcgi::read_page_parameters(environment.data());
}

void check_fields(const std::vector<std::string>& entries, const PageRequest& got) {
    bool twice = false;
    for (const auto& [name, field] : k_fields) {
        std::size_t times = 0;
        std::string last;
        for (const auto& entry : entries) {
            if (entry.size() <= name.size() || !entry.starts_with(name) || entry[name.size()] != '=') continue;
            ++times;
            last = entry.substr(name.size() + 1);
        }
        twice = twice || times > 1;
        require(got.*field == last, "each field has the value that was given");
    }
    require(got.malformed == twice, "malformed is what is given twice, and nothing else");
}

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
    return text;
}

void check_visitor(const PageRequest& request) {
    static const ceymail::config::Configuration configuration;
    static const auto plain_http = [] {
        ceymail::config::Configuration served;
        served.settings_plain_http = true;
        return served;
    }();
    const bool tls = request.https == "on" || request.https == "1";
    const auto user = ceymail::page::identify(request, configuration);
    if (user) {
        require(tls && !request.malformed, "plain HTTP and malformed requests are refused");
        require(user->user == request.remote_user && !user->user.empty() && user->user.size() <= 200,
                "a user has a name");
        require(ceymail::page::is_printable(user->user), "that can be shown and logged");
        constexpr std::string_view k_harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
        require(!user->host.empty() && user->host.find_first_not_of(k_harmless) == user->host.npos,
                "a host's name holds nothing else");
    }
    const auto plain = ceymail::page::identify(request, plain_http);
    require(!user || plain, "who may come over TLS may where plain HTTP is served");
}

void check_origin(const PageRequest& request) {
    if (!ceymail::page::comes_from_here(request)) return;
    const bool tls = request.https == "on" || request.https == "1";
    require(request.fetch_site.empty() || request.fetch_site == "same-origin", "the browser says so");
    require(request.origin.empty() ||
                lower(request.origin) == lower((tls ? "https://" : "http://") + ceymail::page::host_of(request)),
            "the origin is this host");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto entries = entries_of(ceymail::fuzz::text_of(data, size));
    const auto request = read(entries);
    check_fields(entries, request);
    check_visitor(request);
    check_origin(request);
    return 0;
}
