// SPDX-License-Identifier: MIT
#include "torture/proof.hpp"

namespace ceymail::testing {

std::string grouped(std::size_t number) {
    auto digits = std::to_string(number);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
        digits.insert(static_cast<std::size_t>(at), 1, ',');
    return digits;
}

void Proof::hold(bool condition, const std::string& otherwise) {
    if (!condition && !m_broken) m_broken = otherwise;
}

void Proof::tell(std::size_t number, const std::string& of_what) { tell(grouped(number) + " " + of_what); }

std::string Proof::verdict() const {
    if (m_broken) return "BROKEN (" + m_broken->substr(0, m_broken->find('\n')) + ")";
    std::string list;
    for (const auto& figure : m_figures) list += (list.empty() ? "" : ", ") + figure;
    return "held (" + list + ")";
}

}  // namespace ceymail::testing
