// SPDX-License-Identifier: MIT
// AddressKey: what counts as one address, and what is none.
#include <array>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "ceymail/gate/address_key.hpp"

namespace {

using namespace ceymail::gate;
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
        "::1%lo"sv,
        "fe80::1%eth0"sv,
        "fe80::1%1"sv,
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
