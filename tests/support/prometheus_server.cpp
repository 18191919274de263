// SPDX-License-Identifier: MIT
#include "support/prometheus_server.hpp"

#include <stdexcept>

#include "support/http_client.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {

PrometheusServer::PrometheusServer(const std::string& configuration) : m_port(free_port()) {
    const auto file = m_directory.write("prometheus.yml", configuration);
    m_server.emplace(ChildOptions{.arguments = {"prometheus", "--config.file=" + file.string(),
                                                "--storage.tsdb.path=" + (m_directory / "data").string(),
                                                "--web.listen-address=127.0.0.1:" + std::to_string(m_port)},
                                  .output_file = m_directory / "log",
                                  .errors_file = m_directory / "log"});
    const auto answers = [&] {
        try {
            return !m_server->running() || fetch({.url = url() + "/-/ready"}).status == 200;
        } catch (const std::runtime_error&) {
            return false;  // nobody listens yet
        }
    };
    if (!eventually(answers, std::chrono::seconds(30)) || !m_server->running())
        throw std::runtime_error("prometheus does not come up:\n" + log());
}

std::optional<double> PrometheusServer::value(const std::string& expression) const {
    const auto answer = run({.arguments = {"promtool", "query", "instant", url(), expression}});
    if (answer.status != 0) throw std::runtime_error(expression + ": " + answer.errors);
    // {labels} => VALUE @[TIME]
    const auto arrow = answer.output.find("=> ");
    if (arrow == std::string::npos) return std::nullopt;
    return std::stod(answer.output.substr(arrow + 3));
}

}  // namespace ceymail::testing
