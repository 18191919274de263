// SPDX-License-Identifier: MIT
#include "ceymail/util/siphash.hpp"

#include <bit>
#include <cstring>

namespace ceymail::util {
namespace {

static_assert(std::endian::native == std::endian::little, "words are read without byte swap");

// Four variables, not an array, so that they stay in registers.
struct SipState {
    std::uint64_t a, b, c, d;

    explicit SipState(const SipKey& key) noexcept
        : a(0x736f6d6570736575 ^ key[0]),
          b(0x646f72616e646f6d ^ key[1]),
          c(0x6c7967656e657261 ^ key[0]),
          d(0x7465646279746573 ^ key[1]) {}

    void round() noexcept {
        a += b;
        c += d;
        b = std::rotl(b, 13) ^ a;
        d = std::rotl(d, 16) ^ c;
        a = std::rotl(a, 32);
        c += b;
        a += d;
        b = std::rotl(b, 17) ^ c;
        d = std::rotl(d, 21) ^ a;
        c = std::rotl(c, 32);
    }

    void absorb(std::uint64_t word) noexcept {
        d ^= word;
        round();
        round();
        a ^= word;
    }

    [[nodiscard]] std::uint64_t finish() noexcept {
        c ^= 0xff;
        for (int i = 0; i < 4; ++i) round();
        return a ^ b ^ c ^ d;
    }
};

}  // namespace

std::uint64_t siphash(std::span<const std::byte> message, const SipKey& key) noexcept {
    SipState state(key);
    const std::uint64_t length = message.size();
    std::uint64_t word = 0;
    for (; message.size() >= sizeof word; message = message.subspan(sizeof word)) {
        std::memcpy(&word, message.data(), sizeof word);
        state.absorb(word);
    }
    word = 0;
    if (!message.empty()) std::memcpy(&word, message.data(), message.size());  // data() of an empty one may be null
    state.absorb(word | length << 56);
    return state.finish();
}

}  // namespace ceymail::util
