// SPDX-License-Identifier: MIT
// AddressKey: the unit that the limiter counts. One IPv4 address, or one IPv6 /64.
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

// Parses REMOTE_ADDR as the web server wrote it.
// Returns: the key; no value where the text is not an address. An address with a port, with blanks, in an octal or
// short IPv4 form, and "unix:" are not. An IPv4-mapped address counts as the IPv4 address in it, in every spelling. So
// does an address of 64:ff9b::/96, which a NAT64 gateway uses for an IPv4 client. An address of 64:ff9b:1::/48 counts
// by its /64, because each network chooses the position of the IPv4 address. The zone of an IPv6 address ("%eth0",
// which Apache passes on) is ignored.
// Security: the input is untrusted.
// Source: RFC 4291 2.5.5.2, RFC 6052 2.1, RFC 8215.
[[nodiscard]] std::optional<AddressKey> parse_address_key(std::string_view remote_addr) noexcept;

// True for nginx's "unix:". The web server's client then connected over a Unix socket, as a proxy in front of it may.
// REMOTE_ADDR does not contain the address of that proxy's client.
[[nodiscard]] bool is_unix_peer(std::string_view remote_addr) noexcept;

}  // namespace ceymail::admission
