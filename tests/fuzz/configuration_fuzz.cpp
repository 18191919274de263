// SPDX-License-Identifier: MIT
// parse_configuration() on any file: an accepted value is within its bounds, and an error names the file.
#include "ceymail/config/configuration.hpp"

#include "fuzz/fuzz.hpp"

using namespace std::chrono_literals;
using ceymail::config::Configuration;
using ceymail::fuzz::require;

namespace {

void check_bounds(const Configuration& got) {
    require(got.path.starts_with('/') && got.path.find_first_of("?# \t") == got.path.npos, "path");
    require(got.workers >= 1 && got.workers <= 64, "workers");
    require(got.cache_ttl >= 0s && got.cache_ttl <= 300s, "cache_ttl");
    require(got.auth_grace >= 0s && got.auth_grace <= 86400s, "auth_grace");
    require(got.rate_window >= 1s && got.rate_window <= 60s, "rate_window");
    require(got.work_budget_percent <= 100, "work_budget_percent");
    require(got.maximum_age >= 1s && got.maximum_age <= 3600s, "maximum_age");
    require(got.database_port >= 1, "database_port");
    for (const auto& name : {got.database_mail, got.database_dashboard})
        require(!name.empty() && name.size() <= 64 && name.find('`') == name.npos, "names that go into SQL");
    for (const auto& path : {got.runtime_directory, got.proc, got.disk, got.database_socket})
        require(path.is_absolute(), "paths");
    require(!got.queue_directories.empty(), "queue directories");
    for (const auto& path : got.queue_directories) require(path.is_absolute(), "queue directories");
    require(got.services.size() <= 32, "services");
    for (const auto& service : got.services) {
        require(!service.name.empty() && service.name.find_first_of("\"\\{}\n ") == service.name.npos, "a label");
        require(!service.units.empty(), "units");
        for (const auto& unit : service.units)
            require(ceymail::config::is_service_unit_name(unit) || ceymail::config::is_service_unit_pattern(unit),
                    "units that systemd takes");
    }
    require(!ceymail::config::to_string(got.plan).empty(), "plan");
    require(got.settings_path.starts_with('/') && got.settings_runtime_directory.is_absolute(), "keys of the page");
}

// The page's keys alone make a difference to the responder.
void check_page_keys(const std::string& text, bool right) {
    using ceymail::config::PageKeys;
    const auto got = ceymail::config::parse_configuration(text, "x.conf", PageKeys::may_be_wrong);
    require(got || !right, "what is right stays right");
    if (!got) return;
    check_bounds(*got);
    require(got->page_faults.empty() == right, "each fault is told");
    for (const auto& fault : got->page_faults) require(fault.starts_with("x.conf: settings_"), "the key is named");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(ceymail::fuzz::text_of(data, size));
    const auto got = ceymail::config::parse_configuration(text, "x.conf");
    check_page_keys(text, got.has_value());
    if (got) {
        check_bounds(*got);
    } else {
        require(got.error().kind == ceymail::util::ErrorKind::invalid, "what is wrong is invalid");
        require(got.error().message.starts_with("x.conf: "), "the file is named");
    }
    return 0;
}
