// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/outage_log.hpp"

#include <string>

#include "ceymail/util/log.hpp"

namespace ceymail::endpoint {

void OutageLog::failed(const util::Error& error) {
    m_last_failure = m_clock();
    // One outage shows several kinds of error in any order; each is logged once.
    const auto kind = static_cast<std::size_t>(error.kind);
    if (m_kinds.test(kind)) return;
    m_kinds.set(kind);
    util::log(util::LogLevel::error, "cannot " + std::string(m_what) + ": " + error.message);
}

void OutageLog::recovered() {
    if (m_kinds.none() || m_clock() - m_last_failure < k_outage_settles) return;
    m_kinds.reset();
    util::log(util::LogLevel::notice, "can " + std::string(m_what) + " again");
}

}  // namespace ceymail::endpoint
