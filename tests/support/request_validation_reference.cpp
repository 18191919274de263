// SPDX-License-Identifier: MIT
#include "support/request_validation_reference.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ceymail::testing {
namespace {

struct Reader {
    std::string_view left;
    std::optional<std::size_t> take_number(std::size_t octets) {
        if (left.size() < octets) return std::nullopt;
        std::size_t number = 0;
        for (std::size_t i = 0; i < octets; ++i) number = number * 256 + static_cast<unsigned char>(left[i]);
        left.remove_prefix(octets);
        return number;
    }
    std::optional<std::size_t> take_length() {
        if (left.empty()) return std::nullopt;
        if (static_cast<unsigned char>(left[0]) < 128) return take_number(1);
        const auto number = take_number(4);
        return number ? std::optional(*number - 0x80000000U) : std::nullopt;
    }
};

struct Pairs {
    bool bad = false;
    bool cut = false;
};

Pairs parse_pairs(std::string_view content) {
    Pairs result;
    Reader reader{content};
    for (std::size_t count = 1; !reader.left.empty() && !result.bad && !result.cut; ++count) {
        const auto name_size = reader.take_length();
        if (name_size && (*name_size == 0 || *name_size > 256)) result.bad = true;
        const auto value_size = name_size ? reader.take_length() : std::nullopt;
        if (value_size && (*value_size > 16384 || count > 128)) result.bad = true;
        result.cut = !value_size;
        if (result.bad || result.cut) break;
        const std::string name(reader.left.substr(0, *name_size));
        reader.left.remove_prefix(name.size());
        const std::string value(reader.left.substr(0, *value_size));
        reader.left.remove_prefix(value.size());
        result.bad = name.find('=') != name.npos || (name + value).find('\0') != name.npos;
        result.cut = name.size() < *name_size || value.size() < *value_size;
    }
    return result;
}

// The types that a whole request may have, in order, as a regular language: 1 4+ 5+, where only the last of a kind is
// empty.
std::size_t expected_type(const std::vector<std::pair<std::size_t, std::size_t>>& types_and_sizes) {
    if (types_and_sizes.empty()) return 1;
    const auto [type, size] = types_and_sizes.back();
    if (type == 1) return 4;
    if (size > 0) return type;
    return type == 4 ? 5 : 0;
}

}  // namespace

fastcgi::Validation vet_slowly(std::string_view bytes) {
    using fastcgi::Verdict;
    fastcgi::Validation result;
    result.verdict = Verdict::malformed;
    if (bytes.size() > 65536) return result;
    std::vector<std::pair<std::size_t, std::size_t>> records;
    std::string content;
    std::size_t at = 0;
    bool cut = false;
    bool wrong = false;
    while (!cut && !wrong && expected_type(records) != 0) {
        Reader reader{bytes.substr(at)};
        const auto version = reader.take_number(1);
        const auto type = reader.take_number(1);
        wrong = (version && *version != 1) || (type && *type != expected_type(records));
        const auto id = reader.take_number(2);
        const auto size = reader.take_number(2);
        const auto padding = reader.take_number(1);
        cut = !reader.take_number(1);
        if (wrong || cut) break;
        if (*type == 1) result.request_id = static_cast<std::uint16_t>(*id);
        at += 8 + *size + *padding;
        wrong = *id == 0 || *id != result.request_id || at > 65536;
        cut = at > bytes.size();
        const std::string_view body = reader.left.substr(0, *size);
        if (*type == 1)
            wrong = wrong || *size != 8 || (body.size() > 1 && body.substr(0, 2) != std::string_view("\0\1", 2));
        if (*type == 4) content += body;
        records.emplace_back(*type, *size);
        if (*type == 4 && *size == 0) wrong = wrong || parse_pairs(content).cut;
    }
    const Pairs pairs = parse_pairs(content);
    if (wrong || pairs.bad || (!cut && at < bytes.size())) return result;
    result.verdict = cut ? Verdict::incomplete : Verdict::whole;
    return result;
}

}  // namespace ceymail::testing
