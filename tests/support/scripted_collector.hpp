// SPDX-License-Identifier: MIT
// ScriptedCollector: a collector that does what a test tells it to.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "ceymail/collect/collector.hpp"

namespace ceymail::testing {

class ScriptedCollector final : public collect::Collector {
public:
    using Script = std::function<util::Result<collect::Families>(util::BootTime deadline)>;

    ScriptedCollector(std::string name, Script script, std::chrono::nanoseconds work = {}, bool of_database = false)
        : m_name(std::move(name)), m_script(std::move(script)), m_work(work), m_of_database(of_database) {}

    [[nodiscard]] std::string_view name() const noexcept override { return m_name; }
    [[nodiscard]] util::Result<collect::Families> collect(util::BootTime deadline) override {
        return m_script(deadline);
    }
    [[nodiscard]] std::chrono::nanoseconds extra_cpu_time() const noexcept override { return m_work; }
    [[nodiscard]] bool depends_on_database() const noexcept override { return m_of_database; }

private:
    std::string m_name;
    Script m_script;
    std::chrono::nanoseconds m_work;
    bool m_of_database;
};

inline std::unique_ptr<collect::Collector> scripted(std::string name, ScriptedCollector::Script script,
                                                    std::chrono::nanoseconds work = {}) {
    return std::make_unique<ScriptedCollector>(std::move(name), std::move(script), work);
}

// One gauge without labels.
inline collect::Families gauge(std::string name, std::uint64_t value) {
    return {exposition::single(std::move(name), "A gauge.", exposition::MetricType::gauge, value)};
}

}  // namespace ceymail::testing
