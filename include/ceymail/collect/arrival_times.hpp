// SPDX-License-Identifier: MIT
// ArrivalTimes: when the messages of one directory arrived, so that those older than an age can be counted quickly.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ceymail::collect {

// How many more arrival times may be remembered.
// Threads: any.
class ArrivalAllowance {
public:
    explicit ArrivalAllowance(std::size_t left) noexcept : m_left(left) {}

    // Returns: false, and takes nothing, if fewer than `count` are left.
    [[nodiscard]] bool take(std::size_t count) noexcept;

private:
    std::atomic<std::size_t> m_left;
};

// Whole seconds, 4 bytes a message. Counting is a binary search: while a directory does not change, its messages get
// older without being read again.
// Units: seconds since the epoch, rounded down. Times outside of 1970 to 2106 are taken for the first or the last one.
// Threads: one at a time.
class ArrivalTimes {
public:
    // Returns: false if the allowance is used up. It is charged in steps of k_step.
    [[nodiscard]] bool add(std::chrono::microseconds arrival, ArrivalAllowance& allowance);

    // To be called after the last add().
    void sort();

    // Returns: how many arrived before `time`.
    // Requires: sort().
    [[nodiscard]] std::uint64_t before(std::chrono::seconds time) const;

    [[nodiscard]] std::size_t size() const noexcept { return m_seconds.size(); }

    static constexpr std::size_t k_step = 64;

private:
    std::vector<std::uint32_t> m_seconds;
};

}  // namespace ceymail::collect
