// SPDX-License-Identifier: MIT
// Secret: characters that are wiped after use, and that no stream or log can print.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ceymail::util {

// Owns a copy of its characters. Wiped by OPENSSL_cleanse on destruction, assignment and move.
// No operator<< and no conversion to std::string, so that each use shows reveal().
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view characters);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    // Replaces the characters. Keeps the memory for the next assign().
    void assign(std::string_view characters);
    void clear() noexcept;

    [[nodiscard]] std::string_view reveal() const noexcept { return {m_characters.data(), m_characters.size()}; }
    [[nodiscard]] bool empty() const noexcept { return m_characters.empty(); }

private:
    void wipe() noexcept;
    std::vector<char> m_characters;  // a vector: small strings inside std::string would survive a move
};

// Of SHA-256, FIPS 180-4.
using Digest = std::array<std::uint8_t, 32>;

// Errors: throws std::bad_alloc.
[[nodiscard]] Digest sha256(std::string_view bytes);

// HMAC-SHA-256, RFC 2104. Errors: throws std::runtime_error where OpenSSL cannot compute it.
[[nodiscard]] Digest hmac_sha256(std::string_view key, std::string_view text);

// Fetches the algorithm from OpenSSL, which takes as long as the rest of a worker's first request. Call it before
// fork(2), so that the children need not. Else the first sha256() does it. Errors: throws std::bad_alloc.
void prepare_sha256();

// Security: the time does not depend on the arguments, CRYPTO_memcmp(3).
[[nodiscard]] bool equal_in_constant_time(const Digest& a, const Digest& b) noexcept;

}  // namespace ceymail::util
