// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/request_validation.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ceymail/fastcgi/record.hpp"

namespace ceymail::fastcgi {
namespace {

using Bytes = std::span<const std::byte>;

std::uint8_t octet(Bytes bytes, std::size_t at) { return std::to_integer<std::uint8_t>(bytes[at]); }

std::uint16_t number16(Bytes bytes, std::size_t at) {
    return static_cast<std::uint16_t>(octet(bytes, at) << 8 | octet(bytes, at + 1));
}

bool contains(Bytes bytes, char character) {
    return !bytes.empty() && std::memchr(bytes.data(), character, bytes.size()) != nullptr;
}

// Reads the name-value pairs of the PARAMS stream. A record may end anywhere within a pair (3.4).
class ParameterScanner {
public:
    // False when the stream is malformed, which is final.
    bool feed(Bytes piece) {
        while (!piece.empty()) {
            if (!advance(piece)) return false;
        }
        return true;
    }

    [[nodiscard]] bool between_parameters() const { return m_step == Step::name_length && m_length_octets == 0; }

private:
    enum class Step { name_length, value_length, name, value };

    // Removes at least one byte from `piece`.
    bool advance(Bytes& piece) {
        switch (m_step) {
            case Step::name_length:
                return !take_length(piece, m_name_left) || start_value_length();
            case Step::value_length:
                return !take_length(piece, m_value_left) || start_name();
            case Step::name:
                return take_name(piece);
            case Step::value:
                return take_value(piece);
        }
        return false;
    }

    // A length is one octet below 128, or four with the highest bit set. True when `length` is complete.
    bool take_length(Bytes& piece, std::size_t& length) {
        const std::uint8_t next = octet(piece, 0);
        piece = piece.subspan(1);
        if (m_length_octets == 0) {
            length = next & 0x7FU;
            m_length_octets = next < 0x80 ? 1 : 4;
        } else {
            length = length << 8 | next;
        }
        return --m_length_octets == 0;
    }

    bool start_value_length() {
        m_step = Step::value_length;
        return m_name_left >= 1 && m_name_left <= k_max_name;
    }

    bool start_name() {
        m_step = Step::name;
        return m_value_left <= k_max_value && ++m_count <= k_max_parameters;
    }

    bool take_name(Bytes& piece) {
        const Bytes part = piece.first(std::min(piece.size(), m_name_left));
        if (contains(part, '=') || contains(part, '\0')) return false;
        m_name_left -= part.size();
        piece = piece.subspan(part.size());
        if (m_name_left == 0) m_step = m_value_left == 0 ? Step::name_length : Step::value;
        return true;
    }

    bool take_value(Bytes& piece) {
        const Bytes part = piece.first(std::min(piece.size(), m_value_left));
        if (contains(part, '\0')) return false;
        m_value_left -= part.size();
        piece = piece.subspan(part.size());
        if (m_value_left == 0) m_step = Step::name_length;
        return true;
    }

    Step m_step = Step::name_length;
    unsigned m_length_octets = 0;  // left of the length that is being read
    std::size_t m_name_left = 0;
    std::size_t m_value_left = 0;
    std::size_t m_count = 0;
};

// Reads record by record.
class RequestScanner {
public:
    Validation scan(Bytes bytes) {
        m_result.verdict = scan_records(bytes);
        return m_result;
    }

private:
    Verdict scan_records(Bytes bytes) {
        if (bytes.size() > k_max_request) return Verdict::malformed;
        std::size_t at = 0;
        while (m_next != RecordType::end_request) {
            const Bytes rest = bytes.subspan(at);
            if (rest.size() < k_record_header)
                return check_version_and_type(rest) ? Verdict::incomplete : Verdict::malformed;
            const std::size_t content = number16(rest, 4);
            const std::size_t size = k_record_header + content + octet(rest, 6);
            if (!check_header(rest) || at + size > k_max_request) return Verdict::malformed;
            const Bytes arrived = rest.subspan(k_record_header, std::min(content, rest.size() - k_record_header));
            if (!take_content(arrived, content)) return Verdict::malformed;
            if (rest.size() < size) return Verdict::incomplete;
            at += size;
        }
        return at == bytes.size() ? Verdict::whole : Verdict::malformed;
    }

    // Checks version and type, as far as they have arrived.
    [[nodiscard]] bool check_version_and_type(Bytes rest) const {
        if (!rest.empty() && octet(rest, 0) != k_version) return false;
        return rest.size() < 2 || octet(rest, 1) == std::to_underlying(m_next);
    }

    bool check_header(Bytes rest) {
        const std::uint16_t id = number16(rest, 2);
        if (!check_version_and_type(rest)) return false;
        if (m_next == RecordType::begin_request) {
            m_result.request_id = id;
            return id != 0 && number16(rest, 4) == k_begin_body;
        }
        return id == m_result.request_id;
    }

    // `arrived`: the arrived part of the record's content of `size` bytes.
    bool take_content(Bytes arrived, std::size_t size) {
        if (m_next == RecordType::begin_request) {
            m_next = RecordType::params;
            m_result.asks_to_keep_connection = arrived.size() > 2 && (octet(arrived, 2) & k_keep_connection) != 0;
            return arrived.size() < 2 || number16(arrived, 0) == k_role_responder;
        }
        if (m_next == RecordType::params) {
            if (size > 0) return m_parameters.feed(arrived);
            m_next = RecordType::standard_input;
            return m_parameters.between_parameters();
        }
        if (size == 0) m_next = RecordType::end_request;
        return true;
    }

    RecordType m_next = RecordType::begin_request;  // the type that must follow; end_request: the request is whole
    Validation m_result;
    ParameterScanner m_parameters;
};

}  // namespace

Validation validate(std::span<const std::byte> bytes) noexcept { return RequestScanner().scan(bytes); }

}  // namespace ceymail::fastcgi
