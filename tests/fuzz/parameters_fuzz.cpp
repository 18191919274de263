// SPDX-License-Identifier: MIT
// read_parameters() on an environment of any strings, one per line of the input.
// fuzz: -max_len=512
#include "ceymail/fastcgi/parameters.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"

using ceymail::fuzz::require;

namespace {

// The number of entries of `name`, and the last value.
std::pair<std::size_t, std::string> given(const std::vector<std::string>& entries, std::string_view name) {
    std::pair<std::size_t, std::string> result;
    for (const std::string& entry : entries) {
        if (!entry.starts_with(name) || entry.size() == name.size() || entry[name.size()] != '=') continue;
        ++result.first;
        result.second = entry.substr(name.size() + 1);
    }
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> entries;
    for (auto rest = ceymail::fuzz::text_of(data, size); !rest.empty();) {
        const auto [entry, others] = ceymail::fuzz::cut(rest, '\n');
        entries.emplace_back(entry.substr(0, entry.find('\0')));
        rest = others;
    }
    auto handed_in = entries;
    std::vector<char*> environment;
    for (auto& entry : handed_in) environment.push_back(entry.data());
    environment.push_back(nullptr);

    const auto request = ceymail::fastcgi::read_parameters(environment.data());

    bool twice = false;
    const std::pair<const char*, std::string_view> fields[] = {
        {"REQUEST_METHOD", request.method},
        {"REQUEST_URI", request.uri},
        {"REMOTE_ADDR", request.remote_addr},
        {"HTTP_AUTHORIZATION", request.authorization.reveal()},
        {"HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", request.scrape_timeout},
        {"SERVER_SOFTWARE", request.server_software}};
    for (const auto& [name, got] : fields) {
        const auto [times, value] = given(entries, name);
        twice = twice || times > 1;
        require(got == value, "each field has the value that was given");
    }
    require(request.malformed == twice, "malformed is what is given twice, and nothing else");
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!entries[i].starts_with("HTTP_AUTHORIZATION=")) continue;
        require(handed_in[i].find_first_not_of('\0', 19) == std::string::npos, "the token is wiped where it stood");
    }
    return 0;
}
