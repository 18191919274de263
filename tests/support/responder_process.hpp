// SPDX-License-Identifier: MIT
// ResponderProcess: ceymail-metrics as it is shipped, started by a test, asked over its socket.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "support/child_process.hpp"
#include "support/fastcgi_client.hpp"
#include "support/fastcgi_records.hpp"
#include "support/miniature.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// One answer as a web server would read it, RFC 3875.
struct CgiAnswer {
    int status = 0;  // 0: none came
    std::map<std::string, std::string> headers;
    std::string body;

    [[nodiscard]] bool has_line(const std::string& line) const;
    [[nodiscard]] bool mentions(const std::string& text) const { return body.find(text) != std::string::npos; }
    // A header's value, "" where there is none.
    [[nodiscard]] std::string header(const std::string& name) const;
};
[[nodiscard]] CgiAnswer read_cgi(const std::string& cgi_text);

// What a scrape says, to be changed as a case needs.
struct Scrape {
    std::string token{};                         // empty: no Authorization header
    std::optional<std::string> authorization{};  // instead of the token
    std::string method = "GET";
    std::string uri = "/api/stats/metrics";
    std::optional<std::string> address{};  // none: one that nobody has used yet
    std::string timeout{};

    [[nodiscard]] Parameters parameters() const;
};

// Keys of ceymail-metrics.conf and their values.
using Settings = std::map<std::string, std::string>;

// Runs as "nobody" when the tests run as root. In a directory of its own: configuration, runtime directory, queue,
// socket.
class ResponderProcess {
public:
    // Returns once it answers; std::runtime_error with its words where it does not. `environment`: as of ChildOptions.
    explicit ResponderProcess(const Settings& settings = {}, std::vector<std::string> environment = {});

    [[nodiscard]] const TemporaryDirectory& directory() const noexcept { return m_directory; }
    [[nodiscard]] std::string address() const { return "unix:" + (m_directory / "responder.sock").string(); }
    [[nodiscard]] std::filesystem::path configuration() const { return m_directory / "ceymail-metrics.conf"; }
    [[nodiscard]] std::string log() const { return slurp(m_directory / "log"); }
    [[nodiscard]] ChildProcess& supervisor() { return *m_process; }
    [[nodiscard]] pid_t gatherer() const;  // waits for it where it is being replaced
    [[nodiscard]] std::vector<pid_t> workers() const { return children("ceymail-worker"); }

    CgiAnswer ask(const Scrape& scrape) const;

    void start();
    // Its exit code.
    [[nodiscard]] std::optional<int> stop();

    // Those of the supervisor with this name of proc(5), comm.
    [[nodiscard]] std::vector<pid_t> children(const std::string& name) const;

private:
    TemporaryDirectory m_directory;
    std::vector<std::string> m_environment;
    std::optional<ChildProcess> m_process;
};

// Writes a configuration that touches nothing outside `directory`, with `settings` over it, and returns its path.
std::filesystem::path write_configuration(const TemporaryDirectory& directory, const Settings& settings = {});

}  // namespace ceymail::testing
