// SPDX-License-Identifier: MIT
#include "support/malformed_requests.hpp"

#include "support/fastcgi_records.hpp"

namespace ceymail::testing {
namespace {

const std::string k_begin = begin_request();
const std::string k_pairs = pair("REQUEST_METHOD", "GET") + pair("REMOTE_ADDR", "192.0.2.7");
const std::string k_params = params(k_pairs);
const std::string k_input = record(5, 1, "");
const std::string k_good = k_begin + k_params + k_input;

// A whole request around one name-value pair, or around any PARAMS content.
std::string around(std::string_view content) { return k_begin + params(content) + k_input; }

std::string changed(std::string bytes, std::size_t at, unsigned value) {
    bytes.at(at) = static_cast<char>(value);
    return bytes;
}

std::vector<LabelledBytes> make_malformed_requests() {
    const std::string get_values = record(9, 0, pair("FCGI_MAX_CONNS", ""));
    return {
        // The frame
        {"HTTP", "GET /api/stats/metrics HTTP/1.1\r\n\r\n"},
        {"TLS", std::string("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 11)},
        {"a zero byte", std::string(1, '\0')},
        {"version 0", changed(k_good, 0, 0)},
        {"version 2", changed(k_good, 0, 2)},
        {"version 0 and nothing else", std::string("\0", 1)},
        {"version 2 in PARAMS", changed(k_good, 16, 2)},
        {"version 2 in STDIN", changed(k_good, k_good.size() - 8, 2)},
        {"no BEGIN_REQUEST", k_params + k_input},
        {"BEGIN_REQUEST twice", k_begin + k_begin + k_params + k_input},
        {"BEGIN_REQUEST within PARAMS", k_begin + record(4, 1, k_pairs) + k_begin},
        {"BEGIN_REQUEST of another id within PARAMS", k_begin + record(4, 1, k_pairs) + begin_request(2)},
        {"BEGIN_REQUEST before STDIN", k_begin + k_params + k_begin},
        {"BEGIN_REQUEST instead of the end", k_begin + k_params + record(5, 1, "x") + k_begin},
        {"BEGIN_REQUEST of 0 bytes", record(1, 1, "") + k_params + k_input},
        {"BEGIN_REQUEST of 7 bytes", record(1, 1, std::string("\0\1\0\0\0\0\0", 7)) + k_params + k_input},
        {"BEGIN_REQUEST of 9 bytes", record(1, 1, std::string("\0\1\0\0\0\0\0\0\0", 9)) + k_params + k_input},
        {"BEGIN_REQUEST of 65535 bytes", record_declaring(1, 1, "", 65535)},
        {"id 0", begin_request(0) + params(k_pairs, 65535, 0, 0) + record(5, 0, "")},
        {"PARAMS of another id", k_begin + params(k_pairs, 65535, 0, 2) + k_input},
        {"PARAMS of id 0", k_begin + params(k_pairs, 65535, 0, 0) + k_input},
        {"PARAMS of id 256", k_begin + params(k_pairs, 65535, 0, 256) + k_input},
        {"second PARAMS of another id", k_begin + record(4, 1, k_pairs) + record(4, 2, "") + k_input},
        {"STDIN of another id", k_begin + k_params + record(5, 2, "")},
        {"STDIN of id 0", k_begin + k_params + record(5, 0, "")},
        {"role 0", begin_request(1, 0) + k_params + k_input},
        {"authorizer", begin_request(1, 2) + k_params + k_input},
        {"filter", begin_request(1, 3) + k_params + k_input},
        {"role 257", begin_request(1, 257) + k_params + k_input},
        {"role 65535", begin_request(1, 65535) + k_params + k_input},
        {"STDIN before PARAMS", k_begin + k_input + k_params},
        {"no PARAMS", k_begin + k_input},
        {"STDIN within PARAMS", k_begin + record(4, 1, k_pairs) + k_input},
        {"PARAMS after their end", k_begin + k_params + record(4, 1, k_pairs) + k_input},
        {"PARAMS ended twice", k_begin + k_params + record(4, 1, "") + k_input},
        {"PARAMS within STDIN", k_begin + k_params + record(5, 1, "x") + record(4, 1, "") + k_input},
        {"DATA of a filter", k_begin + k_params + k_input + record(8, 1, "")},
        {"DATA instead of STDIN", k_begin + k_params + record(8, 1, "")},
        {"abort at once", k_begin + record(2, 1, "")},
        {"abort within PARAMS", k_begin + record(4, 1, k_pairs) + record(2, 1, "")},
        {"abort after PARAMS", k_begin + k_params + record(2, 1, "")},
        {"abort after the end", k_good + record(2, 1, "")},
        {"END_REQUEST from the peer", k_begin + record(3, 1, std::string(8, '\0'))},
        {"STDOUT from the peer", k_begin + k_params + record(6, 1, "x")},
        {"STDERR from the peer", k_begin + k_params + record(7, 1, "x")},
        {"GET_VALUES first", get_values},
        {"GET_VALUES before the request", get_values + k_good},
        {"GET_VALUES after BEGIN_REQUEST", k_begin + get_values + k_params + k_input},
        {"GET_VALUES within PARAMS", k_begin + record(4, 1, k_pairs) + get_values},
        {"GET_VALUES before STDIN", k_begin + k_params + get_values + k_input},
        {"GET_VALUES_RESULT", record(10, 0, "")},
        {"UNKNOWN_TYPE", k_begin + record(11, 0, std::string(8, '\0'))},
        {"type 0", k_begin + record(0, 1, "")},
        {"type 12", k_begin + record(12, 1, "")},
        {"type 255", k_begin + record(255, 1, "")},
        {"one byte behind the end", k_good + "x"},
        {"a second request behind the end", k_good + k_good},
        {"65536 bytes behind the end", k_good + std::string(65536, 'x')},
        // Names
        {"empty name", around(pair("", "v"))},
        {"empty name, empty value", around(pair("", ""))},
        {"empty name after a good one", around(k_pairs + pair("", "v"))},
        {"empty name by four octets", around(pair("", "v", Lengths::four_octets))},
        {"'=' as the name", around(pair("=", "v"))},
        {"'=' first in a name", around(pair("=N", "v"))},
        {"'=' within a name", around(pair("REMOTE_ADDR=198.51.100.1", "v"))},
        {"'=' last in a name", around(pair("REMOTE_ADDR=", "198.51.100.1"))},
        {"'=' in a name behind a cut", k_begin + params(pair("REMOTE=ADDR", "v"), 7) + k_input},
        {"NUL as the name", around(pair(std::string(1, '\0'), "v"))},
        {"NUL within a name", around(pair(std::string("REMOTE_ADDR\0X", 13), "v"))},
        {"NUL last in a name", around(pair(std::string("REMOTE_ADDR\0", 12), "v"))},
        {"NUL in a value", around(pair("REMOTE_ADDR", std::string("192.0.2.7\0x", 11)))},
        {"NUL as the value", around(pair("REMOTE_ADDR", std::string(1, '\0')))},
        {"NUL in a value behind a cut", k_begin + params(pair("N", std::string("ab\0", 3)), 5) + k_input},
        // Lengths
        {"name beyond the cap", around(pair(std::string(257, 'N'), "v"))},
        {"value beyond the cap", around(pair("N", std::string(16385, 'v')))},
        {"name of 2 GiB", around(length(0x7FFFFFFF) + length(1) + "N")},
        {"name of 2 GiB, nothing behind", k_begin + record(4, 1, length(0x7FFFFFFF))},
        {"value of 2 GiB", around(length(1) + length(0x7FFFFFFF) + "N")},
        {"value of 2 GiB, nothing behind", k_begin + record(4, 1, length(1) + length(0x7FFFFFFF))},
        {"name and value that add up to 0", around(length(0x7FFFFFFF) + length(0x7FFFFFFF))},
        {"parameter beyond the cap", around(many_pairs(129))},
        {"thousands of empty parameters", around(std::string(20000, '\0'))},
        {"20,000 parameters", k_begin + record(4, 1, many_pairs(8000))},
        {"PARAMS end within a name length", around(std::string("\x80\0", 2))},
        {"PARAMS end before a value length", around(length(5))},
        {"PARAMS end within a value length", around(length(5) + "\x80")},
        {"PARAMS end before a name", around(length(5) + length(0))},
        {"PARAMS end within a name", around(length(5) + length(0) + "NAM")},
        {"PARAMS end before a value", around(length(1) + length(3) + "N")},
        {"PARAMS end within a value", around(length(1) + length(3) + "Nva")},
        {"PARAMS end after a good one and a half", around(k_pairs + length(1) + length(3) + "Nva")},
        {"content length one too small", k_begin + record_declaring(4, 1, k_pairs, k_pairs.size() - 1) + k_input},
        {"content length one too great",
         k_begin + record_declaring(4, 1, k_pairs, k_pairs.size() + 1) + k_input + k_input},
        // All of it
        {"one byte too many in all", request_of_size(65537)},
        {"a record that would end behind the cap", k_begin + k_params + record_declaring(5, 1, "", 65535)},
        {"PARAMS that would end behind the cap", k_begin + record_declaring(4, 1, "", 65535)},
        {"padding that would end behind the cap",
         k_begin + k_params + record(5, 1, std::string(65536 - 300 - k_begin.size() - k_params.size(), 'x')) +
             changed(record(5, 1, std::string(100, 'x')), 6, 255)},
        {"a megabyte of body",
         k_begin + k_params + record(5, 1, std::string(65535, 'x')) + record(5, 1, std::string(65535, 'x'))},
    };
}

}  // namespace

std::string many_pairs(std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += pair("N" + std::to_string(i), "");
    return out;
}

std::string request_of_size(std::size_t size) {
    const std::string head = k_begin + k_params;
    std::string input = record(5, 1, std::string(30000, 'x'));
    const std::size_t rest = size - head.size() - input.size() - 16;
    return head + input + record(5, 1, std::string(rest, 'y')) + k_input;
}

const std::vector<LabelledBytes>& malformed_requests() {
    static const std::vector<LabelledBytes> requests = make_malformed_requests();
    return requests;
}

}  // namespace ceymail::testing
