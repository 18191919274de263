// SPDX-License-Identifier: MIT
// Miniature: what `make run` starts, in a temporary directory, for tests to look at from outside.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/child_process.hpp"
#include "support/http_client.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// Needs root, as Postfix does. Started by the constructor, which returns when the first scrape has been made;
// std::runtime_error with the script's own words where it does not come to that.
class Miniature {
public:
    Miniature();

    // The one that the tests of a program share; a test leaves it as it found it, but for a newer token.
    [[nodiscard]] static Miniature& shared();

    [[nodiscard]] std::filesystem::path directory() const { return m_parent / "run"; }
    [[nodiscard]] std::string url() const { return line("url"); }
    [[nodiscard]] std::string token() const { return line("token"); }
    [[nodiscard]] std::string log() const { return slurp(m_parent / "words"); }
    [[nodiscard]] ChildProcess& process() noexcept { return *m_process; }

    // A request for the endpoint with the token, from an address of 127.0.0.0/8 that nobody had before.
    [[nodiscard]] HttpRequest request() const;
    // Without the token.
    [[nodiscard]] HttpRequest anonymous_request() const;

    // "stop" or "start" one of its servers; returns when that is done.
    void control(const std::string& verb, const std::string& server);

    // ceymail-token with the miniature's configuration.
    Finished token_tool(const std::vector<std::string>& arguments) const;

private:
    [[nodiscard]] std::string line(const std::string& file) const;

    TemporaryDirectory m_parent;
    std::optional<ChildProcess> m_process;
};

// What deploy/miniature/run is started with.
[[nodiscard]] ChildOptions miniature_options(const std::filesystem::path& directory);

// Asks until it is true; false where it is not within `patience`.
[[nodiscard]] bool eventually(const std::function<bool()>& condition,
                              std::chrono::milliseconds patience = std::chrono::seconds(10));

// The value behind `series` in a text exposition, such as ceymail_service_up{name="nginx"}.
[[nodiscard]] std::optional<double> value_of(const std::string& exposition, const std::string& series);

}  // namespace ceymail::testing
