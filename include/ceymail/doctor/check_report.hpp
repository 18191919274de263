// SPDX-License-Identifier: MIT
// CheckReport: what --check says of each part.
#pragma once

#include <string>

namespace ceymail::doctor {

// Prints "part: ok (...)", "part: remedy" or "part: warning: ..." at once, and remembers whether anything is to be
// mended. A warning is of what may be meant so.
class CheckReport {
public:
    void ok(const std::string& part, const std::string& detail = {});
    void bad(const std::string& part, const std::string& remedy);
    void warn(const std::string& part, const std::string& words);

    // Prints lines that another CheckReport has printed, whose exit_code() was `code`.
    void add(const std::string& lines, int code);

    // EX_OK, or EX_CONFIG after any bad().
    [[nodiscard]] int exit_code() const noexcept;

private:
    bool m_all_ok = true;
};

}  // namespace ceymail::doctor
