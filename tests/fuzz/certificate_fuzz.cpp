// SPDX-License-Identifier: MIT
// Any file that is named as a certificate or as the configuration of a server.
// fuzz: -max_len=4096
#include "ceymail/collect/certificate.hpp"
#include "ceymail/collect/certificate_paths.hpp"
#include "ceymail/site/site.hpp"
#include "fuzz/fuzz.hpp"

namespace {

using namespace ceymail;
using fuzz::require;

void check_paths(const std::vector<std::string>& values) {
    for (const auto& value : values) {
        const auto path = collect::plain_path(value, "/etc/server");
        require(!path || path->is_absolute(), "a path is absolute");
        require(!path || path->native().find('$') == std::string::npos, "a path has no variable");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::text_of(data, size);
    const auto end = collect::end_of_first_certificate(text);
    // A year has four digits.
    require(!end || end->count() < 253402300800, "the end is before the year 10000");
    require(end || end.error().kind == util::ErrorKind::invalid, "what is refused is invalid");
    require(!end || text.find("CERTIFICATE-----") != text.npos, "a certificate has its boundary");
    check_paths(collect::postfix_certificates(text));
    for (const auto& setting : collect::dovecot_settings(text)) {
        require(!setting.key.empty(), "a setting has a key");
        check_paths({setting.value});
    }
    for (const auto parse : {site::parse_nginx, site::parse_apache})
        if (const auto site = parse(text)) check_paths(site->certificates);
    return 0;
}
