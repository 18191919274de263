// SPDX-License-Identifier: MIT
// AddressKey: whom the limiter counts. One IPv4 address, or one IPv6 /64.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ceymail::admission {

enum class AddressFamily : std::uint32_t { none = 0, ipv4 = 4, ipv6 = 6 };

struct AddressKey {
    std::uint64_t network = 0;  // IPv4: the address; IPv6: its upper 64 bits; host byte order
    AddressFamily family = AddressFamily::none;
    friend bool operator==(const AddressKey&, const AddressKey&) = default;
};

// `remote_addr`: REMOTE_ADDR as the web server wrote it, foreign.
// Returns: the key. An IPv4-mapped address (RFC 4291 2.5.5.2) and one of 64:ff9b::/96, from which a NAT64 gateway
// speaks for an IPv4 client (RFC 6052 2.1), count as the IPv4 address that they embed, in every spelling. The zone of
// an IPv6 address ("%eth0", which Apache passes on) is ignored.
// No value: not an address, such as one with a port, blanks, octal or short IPv4 forms, or "unix:".
// 64:ff9b:1::/48 (RFC 8215) counts by its /64: each network chooses where in it the IPv4 address stands.
[[nodiscard]] std::optional<AddressKey> parse_address_key(std::string_view remote_addr) noexcept;

// True of nginx's "unix:": the client of the web server is a process that connected over a Unix socket, as a proxy in
// front of it may, and REMOTE_ADDR tells no address of whom that proxy serves.
[[nodiscard]] bool is_unix_peer(std::string_view remote_addr) noexcept;

}  // namespace ceymail::admission
