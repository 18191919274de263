// SPDX-License-Identifier: MIT
// Secret: characters that are wiped when they are let go of, and that no stream or log can print.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ceymail::util {

// Owns a copy of its characters. Wiped by OPENSSL_cleanse on destruction, assignment and move.
// No operator<<, no conversion to std::string: reveal() is to be read where it is called.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view characters);
    Secret(Secret&& other) noexcept;
    Secret& operator=(Secret&& other) noexcept;
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret();

    // Other characters in the place of these; the memory is kept, so that one Secret can be filled again and again.
    void assign(std::string_view characters);
    void clear() noexcept;

    [[nodiscard]] std::string_view reveal() const noexcept { return {m_characters.data(), m_characters.size()}; }
    [[nodiscard]] bool empty() const noexcept { return m_characters.empty(); }

private:
    void wipe() noexcept;
    std::vector<char> m_characters;  // a vector: small strings inside std::string would survive a move
};

// SHA-256, FIPS 180-4. Throws std::bad_alloc.
using Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest sha256(std::string_view bytes);

// Finds the algorithm, which takes OpenSSL as long as all else that a worker's first request takes. To be called before
// fork(2), so that the children need not. The first sha256() does it otherwise. Throws std::bad_alloc.
void prepare_sha256();

// In time that depends on neither, CRYPTO_memcmp(3).
[[nodiscard]] bool equal_in_constant_time(const Digest& a, const Digest& b) noexcept;

}  // namespace ceymail::util
