// SPDX-License-Identifier: MIT
// parse_address_key() against a second parser of RFC 4291 2.2, which does not use inet_pton(3). Every spelling of an
// address must give the same key. Otherwise a client would have one limit per spelling.
// fuzz: -max_len=64
#include "ceymail/admission/address_key.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>

#include "fuzz/fuzz.hpp"

using ceymail::admission::AddressFamily;
using ceymail::admission::AddressKey;
using ceymail::admission::parse_address_key;
using ceymail::fuzz::require;

namespace {

using Groups = std::vector<unsigned>;  // of 16 bits

std::optional<unsigned> number(std::string_view digits, int base, std::size_t most_digits, unsigned most) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    const bool good = error == std::errc{} && end == digits.data() + digits.size() && digits.size() <= most_digits;
    return good && value <= most ? std::optional(value) : std::nullopt;
}

std::optional<Groups> read_ipv4(std::string_view text) {
    std::vector<unsigned> octets;
    for (int i = 0; i < 4; ++i) {
        const auto dot = i < 3 ? text.find('.') : text.size();
        if (dot == text.npos) return std::nullopt;
        const auto digits = text.substr(0, dot);
        const auto octet = number(digits, 10, 3, 255);
        if (!octet || (digits.size() > 1 && digits[0] == '0')) return std::nullopt;
        octets.push_back(*octet);
        text.remove_prefix(i < 3 ? dot + 1 : dot);
    }
    return Groups{octets[0] << 8 | octets[1], octets[2] << 8 | octets[3]};
}

// "1:2:a", where the last may be an IPv4 address if `ipv4_last`.
std::optional<Groups> read_groups(std::string_view text, bool ipv4_last) {
    Groups groups;
    while (!text.empty()) {
        const auto colon = text.find(':');
        const auto word = text.substr(0, colon);
        if (colon == text.npos && ipv4_last && word.contains('.')) {
            const auto ipv4 = read_ipv4(word);
            if (!ipv4) return std::nullopt;
            groups.insert(groups.end(), ipv4->begin(), ipv4->end());
            return groups;
        }
        const auto group = number(word, 16, 4, 0xffff);
        if (!group) return std::nullopt;
        groups.push_back(*group);
        if (colon == text.npos) return groups;
        text.remove_prefix(colon + 1);
        if (text.empty()) return std::nullopt;  // a colon at the end
    }
    return groups;
}

std::optional<Groups> read_ipv6(std::string_view text) {
    const auto gap = text.find("::");
    if (gap == text.npos) {
        const auto groups = read_groups(text, true);
        return groups && groups->size() == 8 ? groups : std::nullopt;
    }
    auto head = read_groups(text.substr(0, gap), false);
    const auto tail = read_groups(text.substr(gap + 2), true);
    if (!head || !tail || head->size() + tail->size() > 7) return std::nullopt;
    head->resize(8 - tail->size());
    head->insert(head->end(), tail->begin(), tail->end());
    return head;
}

std::uint64_t join(const Groups& groups, std::size_t first, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = first; i < first + count; ++i) value = value << 16 | groups[i];
    return value;
}

std::optional<AddressKey> key_slowly(std::string_view text) {
    if (const auto ipv4 = read_ipv4(text)) return AddressKey{join(*ipv4, 0, 2), AddressFamily::ipv4};
    const auto percent = text.find('%');
    const auto zone = percent == text.npos ? 1 : text.size() - percent - 1;
    if (zone < 1 || zone > 15) return std::nullopt;
    const auto ipv6 = text.contains('\0') ? std::nullopt : read_ipv6(text.substr(0, percent));
    if (!ipv6) return std::nullopt;
    const bool mapped = join(*ipv6, 0, 4) == 0 && join(*ipv6, 4, 2) == 0xffff;
    const bool nat64 = join(*ipv6, 0, 4) == 0x64ff9b'0000'0000 && join(*ipv6, 4, 2) == 0;
    if (mapped || nat64) return AddressKey{join(*ipv6, 6, 2), AddressFamily::ipv4};
    return AddressKey{join(*ipv6, 0, 4), AddressFamily::ipv6};
}

// Every address of the /64 has the same key, also its first.
std::string first_of_network(std::uint64_t network) {
    unsigned char bytes[16]{};
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<unsigned char>(network >> (56 - 8 * i));
    char text[INET6_ADDRSTRLEN]{};
    return inet_ntop(AF_INET6, bytes, text, sizeof text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = ceymail::fuzz::text_of(data, size);
    const auto got = parse_address_key(text);
    require(got == key_slowly(text), "the key is that of the slow reading");
    if (!got) return 0;
    if (got->family == AddressFamily::ipv4 && text.find(':') == text.npos)
        require(parse_address_key("::ffff:" + std::string(text)) == got, "a mapped address is its IPv4 address");
    constexpr std::uint64_t k_network_of_nat64 = 0x64ff9b'0000'0000;  // its first address is of NAT64: IPv4
    if (got->family == AddressFamily::ipv6 && got->network != k_network_of_nat64)
        require(parse_address_key(first_of_network(got->network)) == got, "a /64 is one key");
    return 0;
}
