// SPDX-License-Identifier: MIT
// MetricsServer: a Prometheus, a VictoriaMetrics or a pusher that a test stops and starts again; and what they stored.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// The loopback of the test program's own network namespace works when this returns.
void raise_loopback();

// A certificate for 127.0.0.1 and localhost, and the authority that signed it: ca.pem, server.pem, server.key.
// Returns: their directory, the same for all callers.
std::filesystem::path certificates();

// A shipped file with each first text replaced by the second. A text that is not there throws std::runtime_error, so
// that no test runs with another file than the one that is shipped.
std::string shipped_with(const std::string& file, const std::vector<std::pair<std::string, std::string>>& changes);

class MetricsServer {
public:
    // `port`: the server is up when it accepts connections there; 0: as soon as it runs.
    MetricsServer(std::vector<std::string> arguments, int port);

    void start();  // std::runtime_error with its log where it does not come up within 30 s
    void stop();   // SIGTERM, and SIGKILL after 20 s, as the shipped units
    [[nodiscard]] std::string log() const { return slurp(m_directory / "log"); }

private:
    TemporaryDirectory m_directory;
    std::vector<std::string> m_arguments;
    int m_port;
    std::optional<ChildProcess> m_process;
};

struct Sample {
    double time = 0;  // Unix time, seconds
    double value = 0;
};

// How to reach the query API of a Prometheus or a VictoriaMetrics.
struct QueryApi {
    std::string url{};            // up to /api/v1
    std::string authorization{};  // a header's value; empty: none
};

// The stored samples of a range selector such as up[5m], by the label `instance`, oldest first. Several series of one
// instance throw std::runtime_error: a series that goes on has the same labels.
std::map<std::string, std::vector<Sample>> samples(const QueryApi& api, const std::string& range_selector);

}  // namespace ceymail::testing
