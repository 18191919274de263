// SPDX-License-Identifier: MIT
#include "support/miniature.hpp"

#include <fstream>
#include <stdexcept>
#include <thread>

#include <unistd.h>

#include "support/mariadb_server.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

// 127.0.0.1 stays for programs that cannot choose, such as Prometheus.
std::string fresh_address() {
    static int used = 1;
    ++used;
    return "127.1." + std::to_string(used / 250) + "." + std::to_string(1 + used % 250);
}

}  // namespace

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        std::this_thread::sleep_for(20ms);
    }
    return true;
}

std::optional<double> value_of(const std::string& exposition, const std::string& series) {
    const auto at = ("\n" + exposition).find("\n" + series + " ");
    if (at == std::string::npos) return std::nullopt;
    return std::stod(exposition.substr(at + series.size() + 1));
}

ChildOptions miniature_options(const std::filesystem::path& directory) {
    const auto programs = std::filesystem::path(built_program("ceymail-metrics")).parent_path();
    return {.arguments = {source("deploy/miniature/run"), programs, directory}};
}

Miniature::Miniature() {
    if (::geteuid() != 0) throw std::runtime_error("the miniature needs root, as Postfix does: sudo make check");
    auto options = miniature_options(directory());
    options.output_file = m_parent / "printed";
    options.errors_file = m_parent / "words";
    m_process.emplace(options);
    const auto is_ready = [&] { return !m_process->running() || log().find("Ctrl-C stops all") != std::string::npos; };
    if (!eventually(is_ready, 120s) || !m_process->running())
        throw std::runtime_error("deploy/miniature/run did not come up:\n" + log());
}

Miniature& Miniature::shared() {
    static Miniature miniature;
    return miniature;
}

HttpRequest Miniature::anonymous_request() const {
    return {.url = url(), .authorities = directory() / "ca.pem", .source_address = fresh_address()};
}

HttpRequest Miniature::request() const {
    auto request = anonymous_request();
    request.headers.push_back("Authorization: Bearer " + token());
    return request;
}

void Miniature::control(const std::string& verb, const std::string& server) {
    const auto before = log().size();
    std::ofstream(directory() / "control") << verb + " " + server + "\n" << std::flush;
    const auto done = "run: " + server + (verb == "stop" ? " stopped" : " started");
    if (!eventually([&] { return log().find(done, before) != std::string::npos; }, 60s))
        throw std::runtime_error("could not " + verb + " " + server + ":\n" + log());
}

Finished Miniature::token_tool(const std::vector<std::string>& arguments) const {
    ChildOptions options{
        .arguments = {built_program("ceymail-token"), "--config", directory() / "ceymail-metrics.conf"}};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    return run(options);
}

std::string Miniature::line(const std::string& file) const {
    auto text = slurp(directory() / file);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

}  // namespace ceymail::testing
