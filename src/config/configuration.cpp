// SPDX-License-Identifier: MIT
#include "ceymail/config/configuration.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

#include <boost/program_options.hpp>

#include "ceymail/config/plain_text.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::config {

namespace {

namespace po = boost::program_options;

constexpr std::array<std::string_view, 7> k_plans{"unknown",      "free",     "starter",   "pro",
                                                  "professional", "business", "enterprise"};
constexpr std::array<std::string_view, 3> k_service_managers{"auto", "systemd", "processes"};
constexpr const char* k_journal = "journal";
constexpr std::size_t k_max_services = 32;      // lines of `service`
constexpr std::size_t k_max_certificates = 16;  // lines of `certificate`
constexpr const char* k_no_search = "none";     // of `certificate`

// One key of the file, its parser, and a text of what is allowed.
struct Key {
    const char* name;
    std::string allowed;
    std::function<bool(Configuration&, const std::string&)> take;  // false: the value is not allowed
    std::function<void(Configuration&)> drop_default{};            // for a key that may be given more than once
    std::function<std::string(const Configuration&, const std::string&)> fault{};  // why a value is not allowed
};

Key text(const char* name, std::string Configuration::* field) {
    return {name, "any text", [field](Configuration& to, const std::string& value) {
                to.*field = value;
                return true;
            }};
}

enum class Empty { allowed, refused };

Key path(const char* name, std::filesystem::path Configuration::* field, Empty empty = Empty::refused) {
    return {name, empty == Empty::allowed ? "an absolute path, or nothing" : "an absolute path",
            [field, empty](Configuration& to, const std::string& value) {
                to.*field = value;
                return value.empty() ? empty == Empty::allowed : (to.*field).is_absolute();
            }};
}

Key log(const char* name, std::filesystem::path Configuration::* field) {
    return {name, "an absolute path, journal, or nothing", [field](Configuration& to, const std::string& value) {
                to.*field = value;
                return value.empty() || value == k_journal || (to.*field).is_absolute();
            }};
}

// May occur more than once: each value is added. A repeated path would be counted twice.
Key paths(const char* name, std::vector<std::filesystem::path> Configuration::* field) {
    const auto add = [field](Configuration& to, const std::string& value) {
        auto path = (std::filesystem::path(value) / "").lexically_normal().parent_path();
        if (!path.is_absolute() || std::ranges::find(to.*field, path) != (to.*field).end()) return false;
        (to.*field).push_back(std::move(path));
        return true;
    };
    const auto fault = [](const Configuration&, const std::string& value) {
        return std::filesystem::path(value).is_absolute()
                   ? "another line gives the same directory, whose messages would be counted twice"
                   : "the value is not allowed";
    };
    return {name, "an absolute path that no other line gives", add, [field](Configuration& to) { (to.*field).clear(); },
            fault};
}

// Returns: what is wrong with the line, or an empty string.
std::string service_fault(const Configuration& configuration, const std::string& value) {
    if (value.empty()) return {};
    const auto entry = parse_service_entry(value);
    if (!entry) return entry.error().message;
    const auto& all = configuration.services;
    if (std::ranges::find(all, entry->name, &ServiceEntry::name) != all.end())
        return "the name " + entry->name + " is in another line";
    return all.size() == k_max_services ? "there are " + std::to_string(k_max_services) + " lines before it" : "";
}

Key service(const char* name) {
    const auto add = [](Configuration& to, const std::string& value) {
        if (!service_fault(to, value).empty()) return false;
        if (!value.empty()) to.services.push_back(*parse_service_entry(value));
        return true;
    };
    return {name,
            "a name of a-z, 0-9 and '-', one or more units that end in .service, and names of processes; or nothing",
            add, [](Configuration& to) { to.services.clear(); }, service_fault};
}

// A pattern such as "*.service" would stand for every unit of the host.
Key unit(const char* name, std::string Configuration::* field) {
    return {name, "a unit that ends in .service, where '*' stands for any characters, but not at the start; or nothing",
            [field](Configuration& to, const std::string& value) {
                to.*field = value;
                return value.empty() || is_service_unit_name(value) || is_service_unit_pattern(value);
            }};
}

Key process(const char* name, std::string Configuration::* field) {
    return {name,
            "the name or path of an executable, where '*' stands for any characters, but not at the start; or "
            "nothing",
            [field](Configuration& to, const std::string& value) {
                to.*field = value;
                return value.empty() || is_process_pattern(std::filesystem::path(value).filename().string());
            }};
}

// Returns: what is wrong with the line, or an empty string.
std::string certificate_fault(const Configuration& configuration, const std::string& value) {
    if (value.empty() || value == k_no_search) return {};
    const auto entry = parse_certificate_entry(value);
    if (!entry) return entry.error().message;
    const auto& all = configuration.certificates;
    if (std::ranges::find(all, entry->name, &CertificateEntry::name) != all.end())
        return "the name " + entry->name + " is in another line";
    return all.size() == k_max_certificates ? "there are " + std::to_string(k_max_certificates) + " lines before it"
                                            : "";
}

Key certificate(const char* name) {
    const auto add = [](Configuration& to, const std::string& value) {
        if (!certificate_fault(to, value).empty()) return false;
        if (value == k_no_search) {
            to.find_certificates = false;
        } else if (!value.empty()) {
            to.certificates.push_back(*parse_certificate_entry(value));
        }
        return true;
    };
    return {name, "a name of a-z, 0-9 and '-' and the absolute path of a file, or none, or nothing", add,
            [](Configuration& to) { to.certificates.clear(); }, certificate_fault};
}

template <class Number>
std::optional<Number> whole_number(const std::string& value, Number least, Number most) {
    Number number{};
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size() || number < least || number > most) return {};
    return number;
}

std::string range(std::uint64_t least, std::uint64_t most, const char* unit = "") {
    return "a whole number" + std::string{unit} + " from " + std::to_string(least) + " to " + std::to_string(most);
}

template <class Number>
Key number(const char* name, Number Configuration::* field, Number least, Number most) {
    return {name, range(least, most), [=](Configuration& to, const std::string& value) {
                const auto got = whole_number(value, least, most);
                if (got) to.*field = *got;
                return got.has_value();
            }};
}

Key seconds(const char* name, std::chrono::seconds Configuration::* field, unsigned least, unsigned most) {
    return {name, range(least, most, " of seconds"), [=](Configuration& to, const std::string& value) {
                const auto got = whole_number(value, least, most);
                if (got) to.*field = std::chrono::seconds{*got};
                return got.has_value();
            }};
}

// Any word is allowed: the host of a plan that a later CeyMail names still starts, and refuses each scrape with the
// names.
Key plan(const char* name) {
    return {name, "any text", [](Configuration& to, const std::string& value) {
                const auto known = std::find_if(k_plans.begin() + 1, k_plans.end(), [&](std::string_view one) {
                    return one.size() == value.size() && ::strncasecmp(one.data(), value.data(), value.size()) == 0;
                });
                to.plan = known == k_plans.end() ? Plan::unknown : static_cast<Plan>(known - k_plans.begin());
                if (to.plan == Plan::unknown) to.unknown_plan = value;
                return true;
            }};
}

template <class Enum, std::size_t n>
Key choice(const char* name, Enum Configuration::* field, const std::array<std::string_view, n>& names) {
    std::string allowed = "one of";
    for (const auto one : names) allowed.append(one == names.front() ? " " : ", ").append(one);
    return {name, std::move(allowed), [field, &names](Configuration& to, const std::string& value) {
                for (std::size_t i = 0; i < n; ++i) {
                    if (names[i] != value) continue;
                    to.*field = static_cast<Enum>(i);
                    return true;
                }
                return false;
            }};
}

// A schema name. Security: it is put into SQL between backticks.
Key identifier(const char* name, std::string Configuration::* field) {
    return {name, "1 to 64 letters, digits, '_', '-' or '$'", [field](Configuration& to, const std::string& value) {
                to.*field = value;
                constexpr auto letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$";
                return !value.empty() && value.size() <= 64 && value.find_first_not_of(letters) == std::string::npos;
            }};
}

Key url_path(const char* name, std::string Configuration::* field) {
    return {name, "a path that begins with '/' and holds no '?', '#' or blank",
            [field](Configuration& to, const std::string& value) {
                to.*field = value;
                return value.starts_with('/') && value.find_first_of("?# \t") == std::string::npos;
            }};
}

// Security: it becomes a link, so no other scheme is allowed.
Key web_address(const char* name, std::string Configuration::* field) {
    return {name, "an address that begins with https:// or http://, or nothing",
            [field](Configuration& to, const std::string& value) {
                to.*field = value;
                return value.empty() || value.starts_with("https://") || value.starts_with("http://");
            }};
}

Key yes_or_no(const char* name, bool Configuration::* field) {
    return {name, "yes or no", [field](Configuration& to, const std::string& value) {
                to.*field = value == "yes";
                return value == "yes" || value == "no";
            }};
}

// For "localhost" the client library ignores the port and uses its default Unix socket.
Key host(const char* name, std::string Configuration::* field) {
    return {name, "a host name or address (for this host 127.0.0.1, or nothing and database_socket, but not localhost)",
            [field](Configuration& to, const std::string& value) {
                to.*field = value;
                return ::strcasecmp(value.c_str(), "localhost") != 0 &&
                       value.find_first_of("/? \t") == std::string::npos;
            }};
}

Key listen(const char* name, std::string Configuration::* field) {
    return {name, "unix:/path, tcp:127.0.0.1:PORT or tcp:[::1]:PORT, or nothing",
            [field](Configuration& to, const std::string& value) {
                to.*field = value;
                return value.empty() || value.starts_with("unix:/") || value.starts_with("tcp:");
            }};
}

const std::vector<Key>& keys() {
    using C = Configuration;
    static const std::vector<Key> all{
        url_path("path", &C::path),
        plan("plan"),
        number("workers", &C::workers, 1U, 64U),
        listen("listen", &C::listen),
        text("listen_group", &C::listen_group),
        text("user", &C::user),
        path("runtime_directory", &C::runtime_directory),
        path("state_directory", &C::state_directory),
        seconds("cache_ttl", &C::cache_ttl, 0, 300),
        seconds("auth_grace", &C::auth_grace, 0, 86400),
        seconds("rate_window", &C::rate_window, 1, 60),
        number("work_budget_percent", &C::work_budget_percent, 0U, 100U),
        seconds("maximum_age", &C::maximum_age, 1, 3600),
        path("database_socket", &C::database_socket),
        host("database_host", &C::database_host),
        number("database_port", &C::database_port, std::uint16_t{1}, std::uint16_t{65535}),
        path("database_tls_ca", &C::database_tls_ca, Empty::allowed),
        path("database_tls_certificate", &C::database_tls_certificate, Empty::allowed),
        path("database_tls_key", &C::database_tls_key, Empty::allowed),
        yes_or_no("database_plain_tcp", &C::database_plain_tcp),
        text("database_user", &C::database_user),
        path("database_option_file", &C::database_option_file, Empty::allowed),
        identifier("database_mail", &C::database_mail),
        identifier("database_dashboard", &C::database_dashboard),
        url_path("settings_path", &C::settings_path),
        listen("settings_listen", &C::settings_listen),
        text("settings_user", &C::settings_user),
        path("settings_runtime_directory", &C::settings_runtime_directory),
        text("settings_database_user", &C::settings_database_user),
        path("settings_database_option_file", &C::settings_database_option_file, Empty::allowed),
        path("settings_gateway_secret", &C::settings_gateway_secret),
        path("settings_session_secret", &C::settings_session_secret, Empty::allowed),
        yes_or_no("settings_plain_http", &C::settings_plain_http),
        web_address("settings_dashboards", &C::settings_dashboards),
        path("proc", &C::proc),
        path("disk", &C::disk),
        paths("queue_directory", &C::queue_directories),
        log("mail_log", &C::mail_log),
        path("journal_directory", &C::journal_directory, Empty::allowed),
        path("fail2ban_log", &C::fail2ban_log, Empty::allowed),
        choice("service_manager", &C::service_manager, k_service_managers),
        service("service"),
        unit("ai_filter_unit", &C::ai_filter_unit),
        process("ai_filter_process", &C::ai_filter_process),
        path("attach_state", &C::attach_state),
        certificate("certificate"),
        path("backup_directory", &C::backup_directory, Empty::allowed),
    };
    return all;
}

// Host names are not resolved: the answer could come from elsewhere, and change later.
bool is_this_host(const std::string& host) {
    in_addr four{};
    if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24U) == IN_LOOPBACKNET;
    in6_addr six{};
    if (::inet_pton(AF_INET6, host.c_str(), &six) != 1) return false;
    return IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == IN_LOOPBACKNET);
}

// Checks keys against each other. Returns: the error, or an empty string.
std::string contradiction(const Configuration& configuration) {
    const auto& host = configuration.database_host;
    if (!host.empty() && !is_this_host(host) && configuration.database_tls_ca.empty() &&
        !configuration.database_plain_tcp)
        return "database_host = " + host +
               ": only 127.0.0.0/8 and ::1 are taken for this host, and another one is reached by TLS alone; give "
               "database_tls_ca, the file with the CA of MariaDB's certificate, or database_plain_tcp = yes where "
               "the network on the way is trusted";
    if (configuration.database_tls_certificate.empty() != configuration.database_tls_key.empty())
        return "database_tls_certificate and database_tls_key belong together; give both or neither";
    if (!configuration.database_tls_certificate.empty() && configuration.database_tls_ca.empty())
        return "database_tls_certificate is used with database_tls_ca only; give that too";
    return {};
}

const Key* find_key(const std::string& name) {
    for (const Key& key : keys()) {
        if (name == key.name) return &key;
    }
    return nullptr;
}

const po::options_description& description() {
    static const po::options_description all = [] {
        po::options_description made;
        for (const Key& key : keys()) {
            if (key.drop_default) {
                made.add_options()(key.name, po::value<std::vector<std::string>>()->composing());
            } else {
                made.add_options()(key.name, po::value<std::string>());
            }
        }
        return made;
    }();
    return all;
}

}  // namespace

MailLogSource mail_log_source(const Configuration& configuration) {
    if (configuration.mail_log.empty()) return MailLogSource::none;
    if (configuration.mail_log == k_journal) return MailLogSource::journal;
    static const Configuration defaults;
    return configuration.mail_log == defaults.mail_log ? MailLogSource::file_or_journal : MailLogSource::file;
}

namespace {

// Returns: "line N: " of the setting number `index` of this key, from 0; empty if it is not found.
std::string line_of(const std::string& text, std::string_view key, std::size_t index) {
    std::istringstream lines(text);
    std::size_t number = 0;
    for (std::string line; std::getline(lines, line);) {
        ++number;
        line.resize(std::min(line.size(), line.find('#')));
        const auto equals = line.find('=');
        if (equals == line.npos || util::trimmed(std::string_view(line).substr(0, equals)) != key) continue;
        if (index-- == 0) return "line " + std::to_string(number) + ": ";
    }
    return {};
}

// Only ceymail-settings reads these keys, besides ceymail-token and ceymail-attach on its behalf.
bool is_of_page(const Key& key) { return std::string_view(key.name).starts_with("settings_"); }

// Sets each key. Errors: invalid: the first value that is not allowed; of the page's keys see `page_keys`.
util::Result<void> take_values(const std::vector<po::option>& options, Configuration& configuration,
                               const std::string& text, const std::string& file_name, PageKeys page_keys) {
    std::map<std::string, std::size_t> seen;
    for (const auto& option : options) {
        const Key* const key = find_key(option.string_key);
        const std::string& value = option.value.at(0);
        const auto index = seen[option.string_key]++;
        const Configuration before = configuration;
        if (key->take(configuration, value)) continue;
        configuration = before;
        const auto fault = key->fault ? key->fault(configuration, value) : "the value is not allowed";
        // Of several lines with this key the message names one.
        const auto line = key->drop_default ? line_of(text, key->name, index) : std::string();
        auto message = file_name + ": " + line + key->name + " = " + value + ": " + fault + "; give " + key->allowed;
        if (page_keys == PageKeys::must_be_right || !is_of_page(*key))
            return util::fail(util::ErrorKind::invalid, std::move(message));
        configuration.page_faults.push_back(std::move(message));
    }
    return {};
}

}  // namespace

util::Result<Configuration> parse_configuration(const std::string& text, const std::string& file_name,
                                                PageKeys page_keys) {
    using util::ErrorKind;
    CEYMAIL_TRY_ASSIGN(const auto plain, plain_text(text, file_name));
    Configuration configuration;
    try {
        std::istringstream stream{plain};
        const auto parsed = po::parse_config_file(stream, description());
        po::variables_map values;  // throws for repeated keys
        po::store(parsed, values);
        for (const Key& key : keys()) {
            if (key.drop_default && values.count(key.name) != 0) key.drop_default(configuration);
        }
        CEYMAIL_TRY(take_values(parsed.options, configuration, plain, file_name, page_keys));
    } catch (const po::unknown_option& error) {
        if (error.get_option_name().empty())
            return util::fail(ErrorKind::invalid, file_name + ": " + line_of(plain, "", 0) +
                                                      "there is no key before the `=`; a line is `key = value`");
        return util::fail(ErrorKind::invalid, file_name + ": " + error.get_option_name() +
                                                  ": there is no such key; ceymail-metrics.conf(5) lists them");
    } catch (const po::multiple_occurrences& error) {
        return util::fail(ErrorKind::invalid, file_name + ": " + error.get_option_name() +
                                                  ": the key is given twice; keep one of the lines");
    } catch (const po::invalid_config_file_syntax& error) {
        // Not what(): it never returns for a line that contains "%invalid_line%".
        return util::fail(ErrorKind::invalid, file_name + ": " + error.tokens() +
                                                  ": that is no setting; a line is `key = value`, and `#` begins a "
                                                  "comment");
    } catch (const po::error& error) {
        return util::fail(ErrorKind::invalid, file_name + ": " + error.what());
    }
    if (const auto wrong = contradiction(configuration); !wrong.empty())
        return util::fail(ErrorKind::invalid, file_name + ": " + wrong);
    return configuration;
}

util::Result<Configuration> load_configuration(const std::optional<std::filesystem::path>& file, PageKeys page_keys) {
    const std::filesystem::path path = file.value_or(k_default_path);
    auto text = util::read_file(path);
    if (text) return parse_configuration(*text, path.string(), page_keys);
    if (!file && text.error().kind == util::ErrorKind::not_found) return Configuration{};
    text.error().message += "; name a readable file with --config";
    return std::unexpected(std::move(text.error()));
}

std::vector<std::string_view> key_names() {
    std::vector<std::string_view> names;
    for (const Key& key : keys()) names.emplace_back(key.name);
    return names;
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
