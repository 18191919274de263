// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/trouble.hpp"

#include "ceymail/util/log.hpp"

namespace ceymail::endpoint {

void Trouble::met(const util::Error& error) {
    // Of an outage only the beginning is news: "refused", "timed out" and "gone away" come in any order.
    if (m_on && m_kind == error.kind) return;
    m_on = true;
    m_kind = error.kind;
    util::log(util::LogLevel::error, "cannot " + std::string(m_what) + ": " + error.message);
}

void Trouble::over() {
    if (!m_on) return;
    m_on = false;
    util::log(util::LogLevel::notice, "can " + std::string(m_what) + " again");
}

}  // namespace ceymail::endpoint
