// SPDX-License-Identifier: MIT
// CsrfTokens::verify(): only an issued token, with its own action and user, is valid.
// The input: action, user, line feed, and changes of a valid token: 2 bytes each, where and by what; the last one may
// cut it. If the first byte is 128 or more, the token is the input itself.
// fuzz: -max_len=256
#include <chrono>
#include <string>

#include "ceymail/page/csrf_tokens.hpp"
#include "fuzz/fuzz.hpp"

using namespace ceymail::page;
using ceymail::fuzz::cut;
using ceymail::fuzz::require;
using ceymail::util::BootTime;

namespace {

constexpr std::string_view k_user = "admin";
constexpr std::uint64_t k_seen = 7;

BootTime now() noexcept { return BootTime{std::chrono::hours{2}}; }

const CsrfTokens& csrf() {
    static const CsrfTokens made(ceymail::util::Secret(std::string(32, 7)), now);
    return made;
}

const std::string& good_seal() {
    static const std::string made = csrf().issue({Action::generate, k_user, k_seen}).value();
    return made;
}

std::string changed(std::string seal, std::string_view changes) {
    for (; changes.size() >= 2; changes.remove_prefix(2))
        seal[static_cast<unsigned char>(changes[0]) % seal.size()] = changes[1];
    if (!changes.empty()) seal.resize(static_cast<unsigned char>(changes[0]) % (2 * seal.size()), 'x');
    return seal;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto action = data[0] % 2 == 0 ? Action::generate : Action::revoke;
    const auto [user, changes] = cut(ceymail::fuzz::text_of(data + 1, size - 1), '\n');
    const auto text = data[0] >= 128 ? std::string(changes) : changed(good_seal(), changes);
    const auto opened = csrf().verify(text, action, user);
    const bool genuine = text == good_seal() && action == Action::generate && user == k_user;
    require((opened.status == CsrfStatus::valid) == genuine, "only the issued token is valid");
    require(genuine || opened.status == CsrfStatus::forged, "all else is forged");
    require(opened.seen == (genuine ? k_seen : 0), "it tells what was seen");
    require(opened.nonce.size() == (genuine ? 32 : 0), "and its nonce");
    return 0;
}
