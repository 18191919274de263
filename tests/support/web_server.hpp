// SPDX-License-Identifier: MIT
// WebServer: a real nginx or Apache of one test's own, on a free port of 127.0.0.1.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// Needs root; its workers run as k_web_user, as on a real host. The factories return when it answers;
// std::runtime_error with its log where it does not come up.
class WebServer {
public:
    // `http`: what stands in the http block; `@PORT@` in it becomes the port.
    [[nodiscard]] static WebServer nginx(const std::string& http);
    // `text`: what stands at the end of apache2.conf, with `@PORT@` likewise; it listens there already. All modules
    // that the files under apache/ need are loaded.
    [[nodiscard]] static WebServer apache(const std::string& text);

    [[nodiscard]] int port() const noexcept { return m_port; }
    [[nodiscard]] std::string log() const;

private:
    explicit WebServer(int port) : m_directory(std::make_unique<TemporaryDirectory>()), m_port(port) {}
    void start(const ChildOptions& options);

    std::unique_ptr<TemporaryDirectory> m_directory;
    int m_port;
    std::optional<ChildProcess> m_server;
};

inline constexpr const char* k_web_user = "www-data";

}  // namespace ceymail::testing
