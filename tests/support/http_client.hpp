// SPDX-License-Identifier: MIT
// HttpClient: one HTTP request over libcurl, from an address of the caller's choice.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace ceymail::testing {

struct HttpRequest {
    std::string url{};
    std::string method = "GET";
    std::vector<std::string> headers{};   // "Name: value"
    std::string body{};                   // sent with POST and PUT
    std::filesystem::path authorities{};  // PEM of who may sign the server; the system's are not looked at
    std::filesystem::path certificate{};  // PEM of the client's, with its key; empty: none
    long http_version = 0;                // one of CURL_HTTP_VERSION_...; 0: curl chooses
    std::string source_address{};         // say 127.0.0.7; empty: the kernel chooses
    std::chrono::milliseconds timeout{10'000};
};

struct HttpAnswer {
    long status = 0;
    std::map<std::string, std::string> headers{};  // names in lower case; of one given twice, the last
    std::string body{};

    // Empty where it is missing.
    [[nodiscard]] std::string header(const std::string& name) const;
};

// Throws std::runtime_error with curl's words where no whole answer comes.
[[nodiscard]] HttpAnswer fetch(const HttpRequest& request);

// Nobody listened on this TCP port of 127.0.0.1 a moment ago.
[[nodiscard]] int free_port();

// Whether something listens on this port of 127.0.0.1.
[[nodiscard]] bool listens_on(int port);

}  // namespace ceymail::testing
