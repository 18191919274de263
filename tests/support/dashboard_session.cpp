// SPDX-License-Identifier: MIT
#include "support/dashboard_session.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <iomanip>
#include <sstream>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace ceymail::testing {
namespace {

std::string base64url(std::string_view bytes) {
    std::string text(bytes.size() * 2 + 4, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    return text.substr(0, text.find('='));
}

void change_once(std::string& value, std::mt19937& random) {
    constexpr std::string_view k_characters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/%\" ,:\x01\x7F\xC3\xFF";
    if (value.empty()) value = "A";
    const auto any = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
    const auto at = any(value.size());
    const char character = k_characters[any(k_characters.size())];
    switch (any(8)) {
        case 0:
            value.erase(at, 1);
            break;
        case 1:
            value.insert(at, 1, character);
            break;
        case 2:
            value += character;
            break;
        case 3:
            value.resize(std::max<std::size_t>(1, at));
            break;
        case 4:
            std::swap(value[at], value[any(value.size())]);
            break;
        case 5:
            value[at] = static_cast<char>(value[at] ^ 0x20);  // the case of a letter
            break;
        default:
            value[at] = character;
    }
    std::ranges::replace(value, ';', ':');
    std::ranges::replace(value, '\0', '0');
}

}  // namespace

std::string session_mac(std::string_view encoded, std::string_view secret) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(encoded.data()), encoded.size(), mac.data(), &size);
    std::ostringstream hex;
    for (unsigned i = 0; i < size; ++i) hex << std::hex << std::setw(2) << std::setfill('0') << unsigned{mac[i]};
    return hex.str();
}

std::string signed_session(std::string_view json, std::string_view secret) {
    const auto encoded = base64url(json);
    return encoded + "." + session_mac(encoded, secret);
}

std::string DashboardSession::json() const {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count() + seconds_left;
    return "{\"userId\":" + std::to_string(user_id) + ",\"username\":\"" + username + "\",\"role\":\"" + role +
           "\",\"exp\":" + std::to_string(in_milliseconds ? seconds * 1000 : seconds) + "}";
}
std::string DashboardSession::value() const { return signed_session(json(), secret); }
std::string DashboardSession::cookie() const { return "mc-session=" + value(); }

std::string changed_session(const std::string& value, std::mt19937& random) {
    std::string changed = value;
    while (changed == value)
        for (auto left = 1 + random() % 3; left > 0; --left) change_once(changed, random);
    return changed;
}

}  // namespace ceymail::testing
