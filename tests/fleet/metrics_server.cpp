// SPDX-License-Identifier: MIT
#include "fleet/metrics_server.hpp"

#include <sstream>
#include <stdexcept>

#include <curl/curl.h>

#include "support/http_client.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

std::string escaped(const std::string& text) {
    char* const made = ::curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size()));
    if (made == nullptr) throw std::bad_alloc();
    std::string result = made;
    ::curl_free(made);
    return result;
}

}  // namespace

void raise_loopback() {
    const auto done = run({.arguments = {"ip", "link", "set", "lo", "up"}});
    if (done.status != 0) throw std::runtime_error("ip: " + done.errors);
}

std::filesystem::path certificates() {
    static const TemporaryDirectory s_directory;
    static const bool s_made = [] {
        const auto made = run({.arguments = {source("deploy/miniature/certificate"), s_directory.path()}});
        if (made.status != 0) throw std::runtime_error("certificate: " + made.errors);
        return true;
    }();
    (void)s_made;
    return s_directory.path();
}

std::string shipped_with(const std::string& file, const std::vector<std::pair<std::string, std::string>>& changes) {
    auto text = slurp(source(file));
    for (const auto& [from, to] : changes) {
        auto at = text.find(from);
        if (at == text.npos) throw std::runtime_error(file + " does not have: " + from);
        for (; at != text.npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
    }
    return text;
}

MetricsServer::MetricsServer(std::vector<std::string> arguments, int port)
    : m_arguments(std::move(arguments)), m_port(port) {
    start();
}

void MetricsServer::start() {
    m_process.emplace(
        ChildOptions{.arguments = m_arguments, .output_file = m_directory / "log", .errors_file = m_directory / "log"});
    const auto is_up = [&] { return !m_process->running() || m_port == 0 || listens_on(m_port); };
    if (!eventually(is_up, 30s) || !m_process->running())
        throw std::runtime_error(m_arguments.front() + " does not come up:\n" + log());
}

void MetricsServer::stop() { m_process->terminate(20s); }

std::map<std::string, std::vector<Sample>> samples(const QueryApi& api, const std::string& range_selector) {
    HttpRequest request{.url = api.url + "/api/v1/query?query=" + escaped(range_selector),
                        .authorities = certificates() / "ca.pem"};
    if (!api.authorization.empty()) request.headers.push_back("Authorization: " + api.authorization);
    HttpAnswer answer;
    // 503: it reads its data first.
    (void)eventually([&] { return (answer = fetch(request)).status != 503; }, 30s);
    if (answer.status != 200) throw std::runtime_error(range_selector + ": " + answer.body);
    // series INSTANCE, then TIME VALUE for each sample.
    const std::string filter = R"jq(.data.result[] | "series \(.metric.instance)", (.values[] | "\(.[0]) \(.[1])"))jq";
    const auto lines = run({.arguments = {"jq", "-r", filter}, .input = answer.body});
    if (lines.status != 0) throw std::runtime_error("jq: " + lines.errors);
    std::map<std::string, std::vector<Sample>> all;
    std::istringstream text(lines.output);
    std::vector<Sample>* current = nullptr;
    for (std::string first, second; text >> first >> second;) {
        if (first == "series") {
            if (all.contains(second)) throw std::runtime_error(second + " has several series of " + range_selector);
            current = &all[second];
        } else {
            current->push_back({std::stod(first), std::stod(second)});
        }
    }
    return all;
}

}  // namespace ceymail::testing
