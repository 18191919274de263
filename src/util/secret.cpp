// SPDX-License-Identifier: MIT
#include "ceymail/util/secret.hpp"

#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

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
    wipe();  // before the vector may reallocate and leave them in freed memory
    m_characters.assign(characters.begin(), characters.end());
}

void Secret::clear() noexcept {
    wipe();
    m_characters.clear();
}

void Secret::wipe() noexcept {
    if (!m_characters.empty()) OPENSSL_cleanse(m_characters.data(), m_characters.size());
}

namespace {

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};

// Fetched once: in OpenSSL 3 the lookup by name takes longer than hashing a token.
const EVP_MD* find_sha256() {
    static const EVP_MD* const s_found = [] {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
        const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
#else
        const EVP_MD* const found = EVP_sha256();  // of Debian 11: a constant
#endif
        if (found == nullptr) throw std::bad_alloc();  // the next call tries again
        return found;
    }();
    return s_found;
}

}  // namespace

Digest sha256(std::string_view bytes) {
    thread_local std::unique_ptr<EVP_MD_CTX, FreeContext> t_context;
    if (!t_context) t_context.reset(EVP_MD_CTX_new());
    Digest digest{};
    // OpenSSL 3 allocates here and may fail. EVP_DigestFinal_ex() wipes the bytes in the context.
    if (!t_context || EVP_DigestInit_ex(t_context.get(), find_sha256(), nullptr) != 1 ||
        EVP_DigestUpdate(t_context.get(), bytes.data(), bytes.size()) != 1 ||
        EVP_DigestFinal_ex(t_context.get(), digest.data(), nullptr) != 1)
        throw std::bad_alloc();
    return digest;
}

Digest hmac_sha256(std::string_view key, std::string_view text) {
    Digest mac{};
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), nullptr) == nullptr)
        throw std::runtime_error("OpenSSL cannot compute an HMAC");
    return mac;
}

void prepare_sha256() { static_cast<void>(find_sha256()); }

bool equal_in_constant_time(const Digest& a, const Digest& b) noexcept {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace ceymail::util
