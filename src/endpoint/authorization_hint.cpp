// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/authorization_hint.hpp"

namespace ceymail::endpoint {

bool AuthorizationHint::due(std::string_view server_software, std::chrono::nanoseconds now,
                            std::chrono::nanoseconds last_accepted) noexcept {
    const bool comes_through = last_accepted.count() != 0 && now - last_accepted < k_header_comes_through;
    if (m_given || comes_through || !server_software.starts_with("Apache")) return false;
    m_given = true;
    return true;
}

}  // namespace ceymail::endpoint
