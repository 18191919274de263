// SPDX-License-Identifier: MIT
// PrometheusServer: a real Prometheus of one test's own.
#pragma once

#include <optional>
#include <string>

#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// Listens on a free port of 127.0.0.1 and keeps its data in a temporary directory. The constructor returns when it
// answers; std::runtime_error with its log where it does not.
class PrometheusServer {
public:
    // The text of prometheus.yml.
    explicit PrometheusServer(const std::string& configuration);

    // The value of an expression that yields one sample; no value where it yields none.
    [[nodiscard]] std::optional<double> value(const std::string& expression) const;

    [[nodiscard]] std::string log() const { return slurp(m_directory / "log"); }

private:
    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(m_port); }

    TemporaryDirectory m_directory;
    int m_port;
    std::optional<ChildProcess> m_server;
};

}  // namespace ceymail::testing
