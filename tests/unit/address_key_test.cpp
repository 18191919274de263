// SPDX-License-Identifier: MIT
// AddressKey: which texts are the same key, and which are not an address.
#include <array>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "ceymail/admission/address_key.hpp"

namespace {

using namespace ceymail::admission;
using namespace std::string_view_literals;

struct Address {
    std::string_view text;
    AddressFamily family;
    std::uint64_t network;
};

BOOST_AUTO_TEST_SUITE(address_key)

BOOST_AUTO_TEST_CASE(counts_ipv4_by_address_and_ipv6_by_its_64) {
    constexpr auto v4 = AddressFamily::ipv4;
    constexpr auto v6 = AddressFamily::ipv6;
    const std::array addresses{
        Address{"0.0.0.0", v4, 0},
        Address{"1.2.3.4", v4, 0x01020304},
        Address{"255.255.255.255", v4, 0xffffffff},
        Address{"::", v6, 0},
        Address{"::1", v6, 0},
        Address{"2001:db8:1:2::", v6, 0x20010db800010002},
        Address{"2001:db8:1:2:ffff:ffff:ffff:ffff", v6, 0x20010db800010002},
        Address{"2001:DB8:0001:0002:0:0:0:1", v6, 0x20010db800010002},
        Address{"2001:db8:1:3::1", v6, 0x20010db800010003},
        Address{"fe80::1", v6, 0xfe80000000000000},
        Address{"::1.2.3.4", v6, 0},  // IPv4-compatible, which is not IPv4-mapped
    };
    for (const auto& address : addresses) {
        BOOST_TEST_CONTEXT(address.text) {
            const auto key = parse_address_key(address.text);
            BOOST_TEST_REQUIRE(key.has_value());
            BOOST_TEST((key->family == address.family));
            BOOST_TEST(key->network == address.network);
        }
    }
}

BOOST_AUTO_TEST_CASE(sees_the_ipv4_in_every_spelling_of_a_mapped_address) {
    const auto want = parse_address_key("1.2.3.4");
    for (const auto text : {"::ffff:1.2.3.4", "::FFFF:1.2.3.4", "::ffff:102:304", "::ffff:0102:0304",
                            "0:0:0:0:0:ffff:1.2.3.4", "0000:0000:0000:0000:0000:ffff:0102:0304"})
        BOOST_TEST((parse_address_key(text) == want), text);
    BOOST_TEST(
        (parse_address_key("0000:0000:0000:0000:0000:ffff:255.255.255.255") == parse_address_key("255.255.255.255")));
}

// A NAT64 gateway gives each of its IPv4 clients an address of one /64 (RFC 6052).
BOOST_AUTO_TEST_CASE(counts_clients_behind_nat64_by_their_ipv4) {
    const auto want = parse_address_key("192.0.2.33");
    for (const auto text : {"64:ff9b::192.0.2.33", "64:ff9b::c000:221", "64:FF9B::C000:0221", "0064:ff9b:0::c000:221",
                            "0064:ff9b:0000:0000:0000:0000:192.0.2.33", "64:ff9b::c000:221%eth0"})
        BOOST_TEST((parse_address_key(text) == want), text);
    BOOST_TEST((parse_address_key("64:ff9b::192.0.2.34") != want));
}

BOOST_AUTO_TEST_CASE(counts_what_is_only_close_to_nat64_by_its_64) {
    const std::array addresses{
        Address{"64:ff9b:1::192.0.2.33", AddressFamily::ipv6, 0x0064ff9b00010000},  // RFC 8215
        Address{"64:ff9b::1:192.0.2.33", AddressFamily::ipv6, 0x0064ff9b00000000},
        Address{"64:ff9b:0:0:8000::192.0.2.33", AddressFamily::ipv6, 0x0064ff9b00000000},
        Address{"64:ff9a::192.0.2.33", AddressFamily::ipv6, 0x0064ff9a00000000},
    };
    for (const auto& address : addresses) {
        const auto key = parse_address_key(address.text);
        BOOST_TEST_REQUIRE(key.has_value(), address.text);
        BOOST_TEST((key->family == address.family && key->network == address.network), address.text);
    }
}

BOOST_AUTO_TEST_CASE(ignores_the_zone_of_an_ipv6_address) {
    const std::array pairs{std::pair{"fe80::1%eth0", "fe80::1"},
                           std::pair{"fe80::1%1", "fe80::1"},
                           std::pair{"fe80::1%wlx00c0cab2d2f1", "fe80::1"},
                           std::pair{"fe80::1%eth0.100", "fe80::1"},
                           std::pair{"fe80::1%a%b", "fe80::1"},
                           std::pair{"::1%lo", "::1"},
                           std::pair{"::ffff:1.2.3.4%eth0", "1.2.3.4"},
                           std::pair{"0000:0000:0000:0000:0000:ffff:255.255.255.255%eth0", "255.255.255.255"}};
    for (const auto& [with, without] : pairs) {
        BOOST_TEST_REQUIRE(parse_address_key(with).has_value(), with);
        BOOST_TEST((parse_address_key(with) == parse_address_key(without)), with);
    }
}

BOOST_AUTO_TEST_CASE(knows_the_peer_of_a_unix_socket) {
    for (const auto text : {"unix:", "unix:/run/proxy.sock"}) BOOST_TEST(is_unix_peer(text), text);
    for (const auto text : {"", "unix", "1.2.3.4", "::1"}) BOOST_TEST(!is_unix_peer(text), text);
}

BOOST_AUTO_TEST_CASE(takes_nothing_else_for_an_address) {
    const std::string long_one(100'000, '1');
    const std::array malformed{
        ""sv,
        " "sv,
        "unix:"sv,
        "localhost"sv,
        "1.2.3"sv,
        "1.2.3.4.5"sv,
        "1.2.3.4."sv,
        ".1.2.3.4"sv,
        "1..3.4"sv,
        "1.2.3.256"sv,
        "1.2.3.-4"sv,
        "01.2.3.4"sv,
        "1.2.3.04"sv,
        "0x1.2.3.4"sv,
        "16909060"sv,
        "127.1"sv,
        " 1.2.3.4"sv,
        "1.2.3.4 "sv,
        "1.2.3.4\n"sv,
        "1.2.3.4\0"sv,
        "1.2.3.4\0.5"sv,
        "\0"sv,
        "1.2.3.4:80"sv,
        "1.2.3.4/32"sv,
        "1.2.3.4, 5.6.7.8"sv,
        "[::1]"sv,
        "[::1]:80"sv,
        "fe80::1%"sv,
        "fe80::1%sixteen_letters_"sv,
        "fe80::1%eth0\0"sv,
        "%eth0"sv,
        "1.2.3.4%eth0"sv,
        "fe80:::1%eth0"sv,
        "64:ff9b::1.2.3"sv,
        ":"sv,
        ":::"sv,
        "::1::"sv,
        "1:2:3:4:5:6:7"sv,
        "1:2:3:4:5:6:7:8:9"sv,
        "12345::"sv,
        "::g"sv,
        "::ffff:1.2.3"sv,
        "::ffff:01.2.3.4"sv,
        "::ffff:1.2.3.4.5"sv,
        "::1/64"sv,
        "\xd9\xa1.2.3.4"sv,
        std::string_view(long_one),
    };
    for (const auto text : malformed) BOOST_TEST(!parse_address_key(text).has_value(), text.substr(0, 60));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
