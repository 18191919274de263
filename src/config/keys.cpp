// SPDX-License-Identifier: MIT
#include "ceymail/config/keys.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <utility>

#include "ceymail/util/text.hpp"

namespace ceymail::config {
namespace {

constexpr std::array<std::string_view, 7> k_plans{"unknown",      "free",     "starter",   "pro",
                                                  "professional", "business", "enterprise"};
constexpr std::array<std::string_view, 3> k_service_managers{"auto", "systemd", "processes"};
constexpr std::size_t k_max_services = 32;      // lines of `service`
constexpr std::size_t k_max_certificates = 16;  // lines of `certificate`
constexpr const char* k_no_search = "none";     // of `certificate`
constexpr const char* k_not_allowed = "the value is not allowed";

// A key whose value goes into `field` as it is.
template <class Field>
Key as_it_is(const char* name, std::string allowed, Field Configuration::* field,
             bool (*is_allowed)(const std::string& value)) {
    return {name, std::move(allowed), [field, is_allowed](Configuration& to, const std::string& value) {
                to.*field = value;
                return is_allowed(value) ? "" : k_not_allowed;
            }};
}

Key text(const char* name, std::string Configuration::* field) {
    return as_it_is(name, "any text", field, [](const std::string&) { return true; });
}

bool is_absolute(const std::string& value) { return value.starts_with('/'); }

Key path(const char* name, std::filesystem::path Configuration::* field) {
    return as_it_is(name, "an absolute path", field, is_absolute);
}

Key path_or_nothing(const char* name, std::filesystem::path Configuration::* field) {
    return as_it_is(name, "an absolute path, or nothing", field,
                    [](const std::string& value) { return value.empty() || is_absolute(value); });
}

Key log(const char* name, std::filesystem::path Configuration::* field) {
    return as_it_is(name, "an absolute path, journal, or nothing", field,
                    [](const std::string& value) { return value.empty() || value == k_journal || is_absolute(value); });
}

// May occur more than once: each value is added. A repeated path would be counted twice.
Key paths(const char* name, std::vector<std::filesystem::path> Configuration::* field) {
    const auto add = [field](Configuration& to, const std::string& value) -> std::string {
        if (!is_absolute(value)) return k_not_allowed;
        auto path = (std::filesystem::path(value) / "").lexically_normal().parent_path();
        if (std::ranges::find(to.*field, path) != (to.*field).end())
            return "another line gives the same directory, whose messages would be counted twice";
        (to.*field).push_back(std::move(path));
        return {};
    };
    return {name, "an absolute path that no other line gives", add,
            [field](Configuration& to) { (to.*field).clear(); }};
}

// Adds the entry of one more line. Returns: why it is not allowed besides `all`, or an empty string.
template <class Entry>
std::string add_entry(std::vector<Entry>& all, util::Result<Entry> entry, std::size_t most) {
    if (!entry) return entry.error().message;
    if (std::ranges::find(all, entry->name, &Entry::name) != all.end())
        return "the name " + entry->name + " is in another line";
    if (all.size() == most) return "there are " + std::to_string(most) + " lines before it";
    all.push_back(std::move(*entry));
    return {};
}

Key service(const char* name) {
    return {name,
            "a name of a-z, 0-9 and '-', one or more units that end in .service, and names of processes; or nothing",
            [](Configuration& to, const std::string& value) {
                return value.empty() ? "" : add_entry(to.services, parse_service_entry(value), k_max_services);
            },
            [](Configuration& to) { to.services.clear(); }};
}

// A pattern such as "*.service" would stand for every unit of the host.
Key unit(const char* name, std::string Configuration::* field) {
    return as_it_is(
        name, "a unit that ends in .service, where '*' stands for any characters, but not at the start; or nothing",
        field, [](const std::string& value) {
            return value.empty() || is_service_unit_name(value) || is_service_unit_pattern(value);
        });
}

Key process(const char* name, std::string Configuration::* field) {
    return as_it_is(
        name,
        "the name or path of an executable, where '*' stands for any characters, but not at the start; or nothing",
        field, [](const std::string& value) {
            return value.empty() || is_process_pattern(std::filesystem::path(value).filename().string());
        });
}

// The path is the rest of the line after the name, so it may contain blanks.
util::Result<CertificateEntry> parse_certificate_entry(const std::string& value) {
    const auto blank = std::min(value.find_first_of(" \t"), value.size());
    CertificateEntry entry{value.substr(0, blank), util::trimmed(std::string_view(value).substr(blank), " \t")};
    CEYMAIL_TRY(check_entry_name(entry.name));
    if (!entry.path.is_absolute())
        return util::fail(util::ErrorKind::invalid, "no absolute path follows the name " + entry.name);
    entry.path = entry.path.lexically_normal();
    return entry;
}

Key certificate(const char* name) {
    const auto add = [](Configuration& to, const std::string& value) -> std::string {
        if (value.empty()) return {};
        if (value != k_no_search) return add_entry(to.certificates, parse_certificate_entry(value), k_max_certificates);
        to.find_certificates = false;
        return {};
    };
    return {name, "a name of a-z, 0-9 and '-' and the absolute path of a file, or none, or nothing", add,
            [](Configuration& to) { to.certificates.clear(); }};
}

template <class Number>
Key number(const char* name, Number Configuration::* field, std::uint64_t least, std::uint64_t most,
           const std::string& unit = "") {
    return {name, "a whole number" + unit + " from " + std::to_string(least) + " to " + std::to_string(most),
            [=](Configuration& to, const std::string& value) {
                std::uint64_t got = 0;
                const char* const end = value.data() + value.size();
                const auto parsed = std::from_chars(value.data(), end, got);
                if (parsed.ec != std::errc{} || parsed.ptr != end || got < least || got > most) return k_not_allowed;
                to.*field = static_cast<Number>(got);
                return "";
            }};
}

Key seconds(const char* name, std::chrono::seconds Configuration::* field, std::uint64_t least, std::uint64_t most) {
    return number(name, field, least, most, " of seconds");
}

// Any word is allowed: the host of a plan that a later CeyMail names still starts, and refuses each scrape with the
// names.
Key plan(const char* name) {
    return {name, "any text", [](Configuration& to, const std::string& value) {
                const auto known = std::find_if(k_plans.begin() + 1, k_plans.end(), [&](std::string_view one) {
                    return util::equals_ignoring_case(one, value);
                });
                to.plan = known == k_plans.end() ? Plan::unknown : static_cast<Plan>(known - k_plans.begin());
                if (to.plan == Plan::unknown) to.unknown_plan = value;
                return "";
            }};
}

template <class Enum, std::size_t n>
Key choice(const char* name, Enum Configuration::* field, const std::array<std::string_view, n>& names) {
    std::string allowed = "one of";
    for (const auto one : names) allowed.append(one == names.front() ? " " : ", ").append(one);
    return {name, std::move(allowed), [field, &names](Configuration& to, const std::string& value) {
                const auto found = std::ranges::find(names, value);
                if (found == names.end()) return k_not_allowed;
                to.*field = static_cast<Enum>(found - names.begin());
                return "";
            }};
}

// A schema name. Security: it is put into SQL between backticks.
Key identifier(const char* name, std::string Configuration::* field) {
    return as_it_is(name, "1 to 64 letters, digits, '_', '-' or '$'", field, [](const std::string& value) {
        const auto is_allowed = [](char c) { return util::is_alphanumeric(c) || std::string_view("_-$").contains(c); };
        return !value.empty() && value.size() <= 64 && std::ranges::all_of(value, is_allowed);
    });
}

Key url_path(const char* name, std::string Configuration::* field) {
    return as_it_is(name, "a path that begins with '/' and holds no '?', '#' or blank", field,
                    [](const std::string& value) {
                        return value.starts_with('/') && value.find_first_of("?# \t") == std::string::npos;
                    });
}

// Security: it becomes a link, so no other scheme is allowed.
Key web_address(const char* name, std::string Configuration::* field) {
    return as_it_is(name, "an address that begins with https:// or http://, or nothing", field,
                    [](const std::string& value) {
                        return value.empty() || value.starts_with("https://") || value.starts_with("http://");
                    });
}

Key yes_or_no(const char* name, bool Configuration::* field) {
    return {name, "yes or no", [field](Configuration& to, const std::string& value) {
                to.*field = value == "yes";
                return value == "yes" || value == "no" ? "" : k_not_allowed;
            }};
}

// For "localhost" the client library ignores the port and uses its default Unix socket.
Key host(const char* name, std::string Configuration::* field) {
    return as_it_is(
        name, "a host name or address (for this host 127.0.0.1, or nothing and database_socket, but not localhost)",
        field, [](const std::string& value) {
            return !util::equals_ignoring_case(value, "localhost") && value.find_first_of("/? \t") == std::string::npos;
        });
}

Key listen(const char* name, std::string Configuration::* field) {
    return as_it_is(name, "unix:/path, tcp:127.0.0.1:PORT or tcp:[::1]:PORT, or nothing", field,
                    [](const std::string& value) {
                        return value.empty() || value.starts_with("unix:/") || value.starts_with("tcp:");
                    });
}

}  // namespace

const std::vector<Key>& keys() {
    using C = Configuration;
    static const std::vector<Key> all{
        url_path("path", &C::path),
        plan("plan"),
        number("workers", &C::workers, 1, 64),
        listen("listen", &C::listen),
        text("listen_group", &C::listen_group),
        text("user", &C::user),
        path("runtime_directory", &C::runtime_directory),
        path("state_directory", &C::state_directory),
        seconds("cache_ttl", &C::cache_ttl, 0, 300),
        seconds("auth_grace", &C::auth_grace, 0, 86400),
        seconds("rate_window", &C::rate_window, 1, 60),
        number("work_budget_percent", &C::work_budget_percent, 0, 100),
        seconds("maximum_age", &C::maximum_age, 1, 3600),
        path("database_socket", &C::database_socket),
        host("database_host", &C::database_host),
        number("database_port", &C::database_port, 1, 65535),
        path_or_nothing("database_tls_ca", &C::database_tls_ca),
        path_or_nothing("database_tls_certificate", &C::database_tls_certificate),
        path_or_nothing("database_tls_key", &C::database_tls_key),
        yes_or_no("database_plain_tcp", &C::database_plain_tcp),
        text("database_user", &C::database_user),
        path_or_nothing("database_option_file", &C::database_option_file),
        identifier("database_mail", &C::database_mail),
        identifier("database_dashboard", &C::database_dashboard),
        url_path("settings_path", &C::settings_path),
        listen("settings_listen", &C::settings_listen),
        text("settings_user", &C::settings_user),
        path("settings_runtime_directory", &C::settings_runtime_directory),
        text("settings_database_user", &C::settings_database_user),
        path_or_nothing("settings_database_option_file", &C::settings_database_option_file),
        path("settings_gateway_secret", &C::settings_gateway_secret),
        path_or_nothing("settings_session_secret", &C::settings_session_secret),
        yes_or_no("settings_plain_http", &C::settings_plain_http),
        web_address("settings_dashboards", &C::settings_dashboards),
        path("proc", &C::proc),
        path("disk", &C::disk),
        paths("queue_directory", &C::queue_directories),
        log("mail_log", &C::mail_log),
        path_or_nothing("journal_directory", &C::journal_directory),
        path_or_nothing("fail2ban_log", &C::fail2ban_log),
        choice("service_manager", &C::service_manager, k_service_managers),
        service("service"),
        unit("ai_filter_unit", &C::ai_filter_unit),
        process("ai_filter_process", &C::ai_filter_process),
        path("attach_state", &C::attach_state),
        certificate("certificate"),
        path_or_nothing("backup_directory", &C::backup_directory),
    };
    return all;
}

std::string_view to_string(Plan plan) noexcept { return k_plans[static_cast<std::size_t>(plan)]; }

std::string format_unknown_plan(const Configuration& configuration) {
    return "the plan \"" + configuration.unknown_plan +
           "\" is not known: every request is answered 403; set plan to one of " + plan_names();
}

std::string plan_names() {
    std::string names;
    for (auto one = k_plans.begin() + 1; one != k_plans.end(); ++one)
        names.append(names.empty() ? "" : ", ").append(*one);
    return names;
}

}  // namespace ceymail::config
