// SPDX-License-Identifier: MIT
// Demo: what `make demo` starts, in a hurry: a miniature, a Prometheus that scrapes it each second and whose alerts
// wait for a second only, and one round of the load.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// Needs root, as Postfix does. The constructor returns when the load's round is over; std::runtime_error with the
// script's own words where it does not come to that.
class Demo {
public:
    Demo();
    ~Demo();

    // The one that the tests of a program share; a test leaves it as it found it.
    [[nodiscard]] static Demo& shared();

    [[nodiscard]] std::filesystem::path directory() const { return m_parent / "demo"; }
    [[nodiscard]] std::string printed() const { return slurp(m_parent / "printed"); }
    [[nodiscard]] std::string words() const { return slurp(m_parent / "words"); }
    [[nodiscard]] std::string prometheus() const;  // its URL, without a slash at the end

    // "stop mariadb", "start nginx"; returns at once.
    void control(const std::string& command) const;

private:
    TemporaryDirectory m_parent;
    std::optional<ChildProcess> m_process;
};

// What deploy/miniature/demo is started with.
[[nodiscard]] ChildOptions demo_options(const std::filesystem::path& directory);

}  // namespace ceymail::testing
