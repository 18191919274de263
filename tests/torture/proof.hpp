// SPDX-License-Identifier: MIT
// Proof: what one guarantee was put through, and whether it held.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace ceymail::testing {

// Short inside `make check`, full for `make torture`: the same tests, only fewer rounds of them.
enum class Scale { brief, full };

// One thread. Figures are told in the order in which they were noted.
class Proof {
public:
    explicit Proof(Scale scale) noexcept : m_scale(scale) {}

    // How often to do a thing.
    [[nodiscard]] std::size_t rounds(std::size_t full, std::size_t brief) const noexcept {
        return m_scale == Scale::full ? full : brief;
    }
    [[nodiscard]] std::chrono::milliseconds time(std::chrono::milliseconds full,
                                                 std::chrono::milliseconds brief) const noexcept {
        return m_scale == Scale::full ? full : brief;
    }

    // `otherwise`: what is then broken. Only the first such is told: the rest mostly follows from it.
    void hold(bool condition, const std::string& otherwise);

    void tell(std::size_t number, const std::string& of_what);
    void tell(const std::string& figure) { m_figures.push_back(figure); }

    [[nodiscard]] bool holds() const noexcept { return !m_broken; }
    [[nodiscard]] std::string broken() const { return m_broken.value_or(""); }
    // "held (figures)" or "BROKEN (what)", the first line of it.
    [[nodiscard]] std::string verdict() const;

private:
    Scale m_scale;
    std::vector<std::string> m_figures;
    std::optional<std::string> m_broken;
};

// "1,234,567"
[[nodiscard]] std::string grouped(std::size_t number);

}  // namespace ceymail::testing
