// SPDX-License-Identifier: MIT
// CheckReport: prints the result of each part of --check.
#pragma once

#include <string>

namespace ceymail::doctor {

// Prints "part: ok (...)", "part: remedy" or "part: warning: ..." at once. A warning is for a state that may be
// intended.
class CheckReport {
public:
    void ok(const std::string& part, const std::string& detail = {});
    void bad(const std::string& part, const std::string& remedy);
    void warn(const std::string& part, const std::string& words);

    // Prints the lines of another CheckReport with the exit code `code`.
    void add(const std::string& lines, int code);

    // EX_OK, or EX_CONFIG after any bad().
    [[nodiscard]] int exit_code() const noexcept;

private:
    bool m_all_ok = true;
};

}  // namespace ceymail::doctor
