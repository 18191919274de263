// SPDX-License-Identifier: MIT
// SipHash-2-4 against the vectors that its authors published: key 00..0f, messages 00, 00 01, 00 01 02, ...
#include <array>
#include <cstddef>

#include <boost/test/unit_test.hpp>

#include "ceymail/util/siphash.hpp"

namespace {

using namespace ceymail::util;

constexpr SipKey k_key{0x0706050403020100, 0x0f0e0d0c0b0a0908};

BOOST_AUTO_TEST_SUITE(siphash_2_4)

BOOST_AUTO_TEST_CASE(gives_the_published_values) {
    struct Vector {
        std::size_t length;
        std::uint64_t want;
    };
    constexpr std::array vectors{
        Vector{0, 0x726fdb47dd0e0e31},  Vector{1, 0x74f839c593dc67fd}, Vector{2, 0x0d6c8009d9a94f5a},
        Vector{3, 0x85676696d7fb7e2d},  Vector{4, 0xcf2794e0277187b7}, Vector{5, 0x18765564cd99a68d},
        Vector{6, 0xcbc9466e58fee3ce},  Vector{7, 0xab0200f58b01d137}, Vector{8, 0x93f5f5799a932462},
        Vector{15, 0xa129ca6149be45e5},
    };
    std::array<std::byte, 16> message{};
    for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<std::byte>(i);
    for (const auto& vector : vectors)
        BOOST_TEST(siphash(std::span(message).first(vector.length), k_key) == vector.want, vector.length);
}

BOOST_AUTO_TEST_CASE(depends_on_both_halves_of_the_key) {
    const auto want = siphash({}, k_key);
    BOOST_TEST(siphash({}, {k_key[0] ^ 1, k_key[1]}) != want);
    BOOST_TEST(siphash({}, {k_key[0], k_key[1] ^ 1}) != want);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
