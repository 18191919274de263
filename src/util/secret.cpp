// SPDX-License-Identifier: MIT
#include "ceymail/util/secret.hpp"

#include <new>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace ceymail::util {

Secret::Secret(std::string_view characters) : m_characters(characters.begin(), characters.end()) {}

Secret::Secret(Secret&& other) noexcept : m_characters(std::move(other.m_characters)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
    if (this != &other) {
        wipe();
        m_characters = std::move(other.m_characters);
    }
    return *this;
}

Secret::~Secret() { wipe(); }

void Secret::assign(std::string_view characters) {
    wipe();  // before the vector may move to larger memory, and leave these behind
    m_characters.assign(characters.begin(), characters.end());
}

void Secret::clear() noexcept {
    wipe();
    m_characters.clear();
}

void Secret::wipe() noexcept {
    if (!m_characters.empty()) OPENSSL_cleanse(m_characters.data(), m_characters.size());
}

Digest sha256(std::string_view bytes) {
    Digest digest{};
    // OpenSSL 3 allocates for this. Without the check what lay on the stack would be taken for the digest, and that
    // may be another's.
    if (SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data()) == nullptr)
        throw std::bad_alloc();
    return digest;
}

bool equal_in_constant_time(const Digest& a, const Digest& b) noexcept {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace ceymail::util
