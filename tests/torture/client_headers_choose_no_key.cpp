// SPDX-License-Identifier: MIT
// No header of a client's chooses the limiter's key: through a real nginx with the shipped file.
#include <regex>

#include "support/http_client.hpp"
#include "support/live_responder.hpp"
#include "support/miniature.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* k_headers[] = {
    "X-Forwarded-For",
    "X-Real-IP",
    "Forwarded",
    "REMOTE_ADDR",
    "Remote-Addr",
    "Remote_Addr",
    "Proxy",
    "X-Client-IP",
    "Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Cluster-Client-IP",
    "X-Original-Forwarded-For",
    "X-Forwarded",
    "Via",
};

// The shipped nginx files on a port of their own, before a responder.
class Nginx {
public:
    explicit Nginx(const LiveResponder& live) {
        if (run({.arguments = {source("deploy/miniature/certificate"), m_directory / "certificate"}}).status != 0)
            throw std::runtime_error("no certificate could be made");
        std::filesystem::create_directory(m_directory / "nginx");
        m_server.emplace(
            ChildOptions{.arguments = {source("deploy/miniature/nginx"), m_directory / "nginx", std::to_string(m_port),
                                       m_directory / "certificate", live.address().substr(sizeof "unix:" - 1)}});
        if (!eventually([this] { return answers(); }, 20s))
            throw std::runtime_error("nginx does not come up:\n" + m_server->errors());
    }

    [[nodiscard]] HttpAnswer ask(const std::string& address, const std::vector<std::string>& headers) const {
        return fetch({.url = "https://127.0.0.1:" + std::to_string(m_port) + "/api/stats/metrics",
                      .headers = headers,
                      .authorities = m_directory / "certificate/ca.pem",
                      .source_address = address});
    }

private:
    [[nodiscard]] bool answers() const {
        try {
            return ask("127.0.0.1", {}).status == 401;
        } catch (const std::runtime_error&) {
            return false;
        }
    }

    TemporaryDirectory m_directory;
    int m_port = free_port();
    std::optional<ChildProcess> m_server;
};

std::string spoofed(const std::string& header, std::size_t number) {
    const auto address = "203.0.113." + std::to_string(number);
    return header + ": " + (header == "Forwarded" ? "for=" + address : address);
}

// What differs from scrape to scrape: the values.
std::string form_of(const HttpAnswer& answer) {
    static const std::regex k_value(" [0-9.e+-]+\n");
    return std::to_string(answer.status) + answer.header("content-type") +
           std::regex_replace(answer.body, k_value, " N\n");
}

}  // namespace

void client_headers_choose_no_key(Proof& proof) {
    const LiveResponder live;
    const auto token = "Authorization: Bearer " + live.generate();
    const Nginx nginx(live);
    std::size_t address = 0;
    const auto form = form_of(nginx.ask("127.2.0.1", {token}));
    for (const std::string header : k_headers) {
        const auto from = "127.2.1." + std::to_string(++address);
        for (std::size_t i = 0; i < 12; ++i) {
            const auto answer = nginx.ask(from, {token, spoofed(header, i)});
            proof.hold(form_of(answer) == form, header + " changes the answer to " + std::to_string(answer.status));
        }
        const auto thirteenth = nginx.ask(from, {token, spoofed(header, 200)});
        proof.hold(thirteenth.status == 429, header + " lets a thirteenth request in");
        const auto other = nginx.ask("127.2.2." + std::to_string(address), {token, header + ": " + from});
        proof.hold(other.status == 200, header + " can spend another's minute");
    }
    proof.tell(std::size(k_headers), "headers through nginx");
    proof.tell(14 * std::size(k_headers), "requests, the key and the answer the same");
}

}  // namespace ceymail::testing
