// SPDX-License-Identifier: MIT
// SipHash-2-4: a keyed hash. Without the key its result cannot be chosen. Aumasson and Bernstein, 2012.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ceymail::util {

using SipKey = std::array<std::uint64_t, 2>;  // the key's 16 bytes as two little-endian words

[[nodiscard]] std::uint64_t siphash(std::span<const std::byte> message, const SipKey& key) noexcept;

}  // namespace ceymail::util
