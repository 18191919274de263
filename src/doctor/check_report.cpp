// SPDX-License-Identifier: MIT
#include "ceymail/doctor/check_report.hpp"

#include <cstdio>

#include <sysexits.h>

namespace ceymail::doctor {

namespace {

void line(const std::string& part, const std::string& words) {
    std::printf("%s: %s\n", part.c_str(), words.c_str());
    std::fflush(stdout);
}

}  // namespace

void CheckReport::ok(const std::string& part, const std::string& detail) {
    line(part, detail.empty() ? "ok" : "ok (" + detail + ")");
}

void CheckReport::bad(const std::string& part, const std::string& remedy) {
    m_all_ok = false;
    line(part, remedy);
}

void CheckReport::warn(const std::string& part, const std::string& words) { line(part, "warning: " + words); }

void CheckReport::add(const std::string& lines, int code) {
    if (code != EX_OK) m_all_ok = false;
    std::fwrite(lines.data(), 1, lines.size(), stdout);
    std::fflush(stdout);
}

int CheckReport::exit_code() const noexcept { return m_all_ok ? EX_OK : EX_CONFIG; }

}  // namespace ceymail::doctor
