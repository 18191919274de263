// SPDX-License-Identifier: MIT
// AddressKey: whom the limiter counts. One IPv4 address, or one IPv6 /64.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ceymail::gate {

enum class AddressFamily : std::uint32_t { none = 0, ipv4 = 4, ipv6 = 6 };

struct AddressKey {
    std::uint64_t network = 0;  // IPv4: the address; IPv6: its upper 64 bits; host byte order
    AddressFamily family = AddressFamily::none;
    friend bool operator==(const AddressKey&, const AddressKey&) = default;
};

// `remote_addr`: REMOTE_ADDR as the web server wrote it, foreign. An IPv4-mapped IPv6 address is its IPv4,
// however it is spelled. A zone ("%eth0"), a port, blanks, octal or short IPv4 forms are no address.
// inet_pton(3) parses; RFC 4291 2.5.5.2. "unix:" (a web server's Unix socket) is no address.
[[nodiscard]] std::optional<AddressKey> parse_address_key(std::string_view remote_addr) noexcept;

}  // namespace ceymail::gate
