// SPDX-License-Identifier: MIT
// Source: MariaDB's documentation of mysql_native_password.
#include "ceymail/database/native_password.hpp"

#include <array>
#include <new>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace ceymail::database {
namespace {

using Sha1 = std::array<unsigned char, 20>;

Sha1 sha1(const void* bytes, std::size_t size) {
    Sha1 digest{};
    if (EVP_Digest(bytes, size, digest.data(), nullptr, EVP_sha1(), nullptr) != 1) throw std::bad_alloc();
    return digest;
}

}  // namespace

std::string native_password_hash(std::string_view password) {
    Sha1 once = sha1(password.data(), password.size());
    const Sha1 twice = sha1(once.data(), once.size());
    OPENSSL_cleanse(once.data(), once.size());  // it suffices for a login, like the password
    constexpr std::string_view k_digits = "0123456789ABCDEF";
    std::string hash = "*";
    for (const unsigned char byte : twice) hash.append({k_digits[byte >> 4U], k_digits[byte & 15U]});
    return hash;
}

}  // namespace ceymail::database
