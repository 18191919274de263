// SPDX-License-Identifier: MIT
#include "ceymail/admission/address_key.hpp"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <net/if.h>

namespace ceymail::admission {
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

// True for an IPv4-mapped address, and for the well-known prefix of NAT64.
bool embeds_ipv4(const Ipv6Bytes& bytes) noexcept {
    using Prefix = std::array<unsigned char, 12>;
    constexpr std::array k_prefixes{Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, Prefix{0, 0x64, 0xff, 0x9b}};
    return std::ranges::any_of(
        k_prefixes, [&](const Prefix& prefix) { return std::equal(prefix.begin(), prefix.end(), bytes.begin()); });
}

// Removes the zone, which names an interface of this host: "fe80::1%eth0". An interface name has 1 to 15 characters
// (IFNAMSIZ), and a zone's number at most 10.
std::string_view without_zone(std::string_view text) noexcept {
    const auto percent = text.find('%');
    if (percent == text.npos) return text;
    const auto zone = text.size() - percent - 1;
    const bool of_ipv6 = text.substr(0, percent).contains(':');
    return of_ipv6 && zone > 0 && zone < IF_NAMESIZE ? text.substr(0, percent) : text;
}

AddressKey ipv6_key(const Ipv6Bytes& bytes) noexcept {
    if (embeds_ipv4(bytes)) return ipv4_key(bytes.data() + 12);
    return {.network = big_endian(bytes.begin(), bytes.begin() + 8), .family = AddressFamily::ipv6};
}

}  // namespace

std::optional<AddressKey> parse_address_key(std::string_view remote_addr) noexcept {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const auto address = without_zone(remote_addr);
    // inet_pton(3) stops at a NUL and would ignore the text after it.
    if (address.size() >= text.size() || remote_addr.contains('\0')) return std::nullopt;
    std::copy(address.begin(), address.end(), text.begin());

    Ipv6Bytes bytes{};
    if (inet_pton(AF_INET, text.data(), bytes.data()) == 1) return ipv4_key(bytes.data());
    if (inet_pton(AF_INET6, text.data(), bytes.data()) == 1) return ipv6_key(bytes);
    return std::nullopt;
}

bool is_unix_peer(std::string_view remote_addr) noexcept { return remote_addr.starts_with("unix:"); }

}  // namespace ceymail::admission
