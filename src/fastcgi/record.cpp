// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/record.hpp"

#include <array>

namespace ceymail::fastcgi {
namespace {

constexpr std::string_view k_end_of_request("\0\0\0\0\0\0\0\0", 8);

void append_record(RecordType type, std::uint16_t request_id, std::string_view content, std::string& out) {
    const auto octet = [](std::size_t value) { return static_cast<char>(value & 0xFF); };
    const std::array<char, k_record_header> header = {octet(k_version),
                                                      octet(static_cast<std::size_t>(type)),
                                                      octet(request_id >> 8),
                                                      octet(request_id),
                                                      octet(content.size() >> 8),
                                                      octet(content.size()),
                                                      0,
                                                      0};
    out.append(header.data(), header.size()).append(content);
}

}  // namespace

void append_answer(std::uint16_t request_id, std::string_view text, std::string& out) {
    // At once: to grow would leave a copy of the text, which may have a token, in freed memory.
    const auto most_records = text.size() / k_max_content + 3;
    out.reserve(out.size() + text.size() + most_records * k_record_header + k_end_of_request.size());
    for (; !text.empty(); text.remove_prefix(std::min(text.size(), k_max_content))) {
        append_record(RecordType::standard_output, request_id, text.substr(0, k_max_content), out);
    }
    append_record(RecordType::standard_output, request_id, {}, out);
    append_record(RecordType::end_request, request_id, k_end_of_request, out);
}

}  // namespace ceymail::fastcgi
