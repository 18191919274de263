// SPDX-License-Identifier: MIT
#include "support/demo.hpp"

#include <fstream>
#include <stdexcept>

#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {

using namespace std::chrono_literals;

ChildOptions demo_options(const std::filesystem::path& directory) {
    const auto programs = std::filesystem::path(built_program("ceymail-metrics")).parent_path();
    return {.arguments = {source("deploy/miniature/demo"), programs, directory},
            .environment = {"SCRAPE_SECONDS=1", "STEP_SECONDS=1", "ROUNDS=1", "ALERT_AFTER=1s"}};
}

Demo::Demo() {
    auto options = demo_options(directory());
    options.output_file = m_parent / "printed";
    options.errors_file = m_parent / "words";
    m_process.emplace(options);
    const auto is_over = [&] {
        return !m_process->running() || words().find("demo: the load is over") != std::string::npos;
    };
    if (!eventually(is_over, 180s) || !m_process->running())
        throw std::runtime_error("deploy/miniature/demo did not come up:\n" + words());
}

// It stops one server after the other.
Demo::~Demo() { m_process->terminate(30s); }

Demo& Demo::shared() {
    static Demo demo;
    return demo;
}

std::string Demo::prometheus() const {
    auto url = slurp(directory() / "prometheus.url");
    while (!url.empty() && url.back() == '\n') url.pop_back();
    return url;
}

void Demo::control(const std::string& command) const { std::ofstream(directory() / "control") << command + "\n"; }

}  // namespace ceymail::testing
