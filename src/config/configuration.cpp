// SPDX-License-Identifier: MIT
#include "ceymail/config/configuration.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <boost/program_options.hpp>

#include "ceymail/config/keys.hpp"
#include "ceymail/config/plain_text.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::config {
namespace {

namespace po = boost::program_options;

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

// Requires: there is such a key.
const Key& key_named(const std::string& name) { return *std::ranges::find(keys(), name, &Key::name); }

const po::options_description& description() {
    static const po::options_description all = [] {
        po::options_description made;
        for (const Key& key : keys()) made.add_options()(key.name, po::value<std::string>());
        return made;
    }();
    return all;
}

// Returns: "line N: " of the setting number `index` of this key, from 0; empty if it is not found.
std::string line_of(const std::string& text, std::string_view key, std::size_t index) {
    std::size_t number = 0;
    for (auto line : util::lines_of(text)) {
        ++number;
        line = line.substr(0, line.find('#'));
        const auto equals = line.find('=');
        if (equals == line.npos || util::trimmed(line.substr(0, equals)) != key) continue;
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
        const Key& key = key_named(option.string_key);
        const std::string& value = option.value.at(0);
        const auto index = seen[option.string_key]++;
        const Configuration before = configuration;
        const auto fault = key.take(configuration, value);
        if (fault.empty()) continue;
        configuration = before;
        // Of several lines with this key the message names one.
        const auto line = key.drop_default ? line_of(text, key.name, index) : std::string();
        auto message = file_name + ": " + line + key.name + " = " + value + ": " + fault + "; give " + key.allowed;
        if (page_keys == PageKeys::must_be_right || !is_of_page(key))
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
        std::set<std::string> seen;
        for (const auto& option : parsed.options) {
            const Key& key = key_named(option.string_key);
            if (key.drop_default)
                key.drop_default(configuration);
            else if (!seen.insert(key.name).second)
                return util::fail(ErrorKind::invalid,
                                  file_name + ": " + key.name + ": the key is given twice; keep one of the lines");
        }
        CEYMAIL_TRY(take_values(parsed.options, configuration, plain, file_name, page_keys));
    } catch (const po::unknown_option& error) {
        if (error.get_option_name().empty())
            return util::fail(ErrorKind::invalid, file_name + ": " + line_of(plain, "", 0) +
                                                      "there is no key before the `=`; a line is `key = value`");
        return util::fail(ErrorKind::invalid, file_name + ": " + error.get_option_name() +
                                                  ": there is no such key; ceymail-metrics.conf(5) lists them");
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

MailLogSource mail_log_source(const Configuration& configuration) {
    if (configuration.mail_log.empty()) return MailLogSource::none;
    if (configuration.mail_log == k_journal) return MailLogSource::journal;
    static const Configuration defaults;
    return configuration.mail_log == defaults.mail_log ? MailLogSource::file_or_journal : MailLogSource::file;
}

util::Result<Configuration> load_configuration(const std::optional<std::filesystem::path>& file, PageKeys page_keys) {
    const std::filesystem::path path = file.value_or(k_default_path);
    auto text = util::read_file(path);
    if (text) return parse_configuration(*text, path.string(), page_keys);
    if (!file && text.error().kind == util::ErrorKind::not_found) return Configuration{};
    text.error().message += "; name a readable file with --config";
    return std::unexpected(std::move(text.error()));
}

}  // namespace ceymail::config
