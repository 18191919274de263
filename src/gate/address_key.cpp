// SPDX-License-Identifier: MIT
#include "ceymail/gate/address_key.hpp"

#include <algorithm>
#include <array>

#include <arpa/inet.h>

namespace ceymail::gate {
namespace {

using Ipv6Bytes = std::array<unsigned char, 16>;

template <class Iterator>
std::uint64_t big_endian(Iterator first, Iterator last) noexcept {
    std::uint64_t value = 0;
    for (; first != last; ++first) value = value << 8 | *first;
    return value;
}

AddressKey ipv4_key(const unsigned char* bytes) noexcept {
    return {.network = big_endian(bytes, bytes + 4), .family = AddressFamily::ipv4};
}

bool is_ipv4_mapped(const Ipv6Bytes& bytes) noexcept {
    constexpr std::array<unsigned char, 12> k_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::equal(k_prefix.begin(), k_prefix.end(), bytes.begin());
}

AddressKey ipv6_key(const Ipv6Bytes& bytes) noexcept {
    if (is_ipv4_mapped(bytes)) return ipv4_key(bytes.data() + 12);
    return {.network = big_endian(bytes.begin(), bytes.begin() + 8), .family = AddressFamily::ipv6};
}

}  // namespace

std::optional<AddressKey> parse_address_key(std::string_view remote_addr) noexcept {
    std::array<char, INET6_ADDRSTRLEN> text{};
    // inet_pton stops at a NUL: what stands behind one must not go unseen.
    if (remote_addr.size() >= text.size() || remote_addr.contains('\0')) return std::nullopt;
    std::copy(remote_addr.begin(), remote_addr.end(), text.begin());

    Ipv6Bytes bytes{};
    if (inet_pton(AF_INET, text.data(), bytes.data()) == 1) return ipv4_key(bytes.data());
    if (inet_pton(AF_INET6, text.data(), bytes.data()) == 1) return ipv6_key(bytes);
    return std::nullopt;
}

}  // namespace ceymail::gate
