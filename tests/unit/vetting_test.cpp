// SPDX-License-Identifier: MIT
// vet(): what may reach libfcgi, and what may not.
#include "ceymail/fastcgi/vetting.hpp"

#include <boost/test/unit_test.hpp>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "support/fastcgi_records.hpp"
#include "support/vetting_reference.hpp"

using namespace ceymail::testing;
using ceymail::fastcgi::Verdict;
using ceymail::fastcgi::vet;
using ceymail::fastcgi::Vetting;

namespace ceymail::fastcgi {
static std::ostream& boost_test_print_type(std::ostream& out, Verdict verdict) {
    constexpr const char* k_words[] = {"whole", "incomplete", "malformed"};
    return out << k_words[static_cast<int>(verdict)];
}
}  // namespace ceymail::fastcgi

namespace {

Vetting vet_text(std::string_view text) { return vet(bytes_of(text)); }

struct Case {
    const char* label;
    std::string bytes;
};

void require_verdict(const std::vector<Case>& cases, Verdict want) {
    for (const Case& c : cases) {
        BOOST_TEST(vet_text(c.bytes).verdict == want, c.label);
        BOOST_TEST(vet_slowly(c.bytes).verdict == want, c.label << " (the reference)");
    }
}

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

std::string many_pairs(std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += pair("N" + std::to_string(i), "");
    return out;
}

// A whole request of exactly `size` bytes, all but its frame in STDIN.
std::string request_of_size(std::size_t size) {
    const std::string head = k_begin + k_params;
    std::string input = record(5, 1, std::string(30000, 'x'));
    const std::size_t rest = size - head.size() - input.size() - 16;
    return head + input + record(5, 1, std::string(rest, 'y')) + k_input;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(vetting)

BOOST_AUTO_TEST_CASE(takes_whole_requests) {
    require_verdict(
        {
            {"smallest", k_good},
            {"no parameter at all", around("")},
            {"nginx's", request(scrape_parameters())},
            {"another id", begin_request(0xABCD) + params(k_pairs, 65535, 0, 0xABCD) + record(5, 0xABCD, "")},
            {"keep-connection flag", begin_request(1, 1, 1) + k_params + k_input},
            {"padded records", k_begin + params(k_pairs, 65535, 7) + record(5, 1, "", 3)},
            {"padded BEGIN_REQUEST", record(1, 1, std::string("\0\1\0\0\0\0\0\0", 8), 255) + k_params + k_input},
            {"padded ends", k_begin + params(k_pairs, 9, 255) + record(5, 1, "", 255)},
            {"four-octet lengths", around(pair("REQUEST_METHOD", "GET", Lengths::four_octets))},
            {"empty value", around(pair("QUERY_STRING", ""))},
            {"'=' in a value", around(pair("QUERY_STRING", "a=b&c=d"))},
            {"line breaks and high bytes in a value", around(pair("HTTP_X", "\r\n\xff\x80"))},
            {"a name twice", around(pair("REMOTE_ADDR", "1") + pair("REMOTE_ADDR", "2"))},
            {"a body", k_begin + k_params + record(5, 1, "a=b") + record(5, 1, "c") + k_input},
            {"longest name", around(pair(std::string(256, 'N'), "v"))},
            {"longest value", around(pair("N", std::string(16384, 'v')))},
            {"most parameters", around(many_pairs(128))},
            {"largest request", request_of_size(65536)},
        },
        Verdict::whole);
}

BOOST_AUTO_TEST_CASE(refuses_malformed_bytes) {
    const std::string get_values = record(9, 0, pair("FCGI_MAX_CONNS", ""));
    require_verdict(
        {
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
        },
        Verdict::malformed);
}

BOOST_AUTO_TEST_CASE(waits_for_the_rest_at_every_cut) {
    const std::string piecewise =
        k_begin + params(pairs(scrape_parameters()), 5, 3) + record(5, 1, "body", 2) + k_input;
    for (const std::string& whole : {k_good, request(scrape_parameters()), piecewise}) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            BOOST_TEST(vet_text(whole.substr(0, size)).verdict == Verdict::incomplete, "cut at " << size);
        }
        BOOST_TEST(vet_text(whole).verdict == Verdict::whole);
    }
}

BOOST_AUTO_TEST_CASE(reads_params_cut_into_records_anywhere) {
    const std::string content = pairs(scrape_parameters()) + pair("N", std::string(300, 'v'), Lengths::four_octets);
    for (std::size_t piece = 1; piece <= content.size(); ++piece) {
        BOOST_TEST(vet_text(k_begin + params(content, piece, piece % 9) + k_input).verdict == Verdict::whole,
                   "pieces of " << piece);
    }
}

BOOST_AUTO_TEST_CASE(knows_the_request_id_once_begin_request_is_there) {
    const std::string good = begin_request(0x1234) + params(k_pairs, 65535, 0, 0x1234);
    BOOST_TEST(vet_text(good.substr(0, 7)).request_id == 0);
    BOOST_TEST(vet_text(good.substr(0, 8)).request_id == 0x1234);
    BOOST_TEST(vet_text(good + "garbage!").request_id == 0x1234);
    BOOST_TEST(vet_text("garbage!").request_id == 0);
    BOOST_TEST(vet_text(begin_request(7, 2)).request_id == 7);
}

BOOST_AUTO_TEST_CASE(agrees_with_a_slow_reference_on_changed_requests) {
    std::mt19937 random(20240607);  // fixed: a failure must come back
    const std::string seeds[] = {k_good, request(scrape_parameters()), k_begin + params(k_pairs, 5, 3) + k_input,
                                 k_begin + params(many_pairs(127) + k_pairs, 200) + k_input,
                                 around(pair("REMOTE_ADDR", "1") + pair("REMOTE_ADDR", "2"))};
    const auto below = [&](std::size_t end) { return std::uniform_int_distribution<std::size_t>(0, end - 1)(random); };
    std::size_t verdicts[3] = {};
    for (int round = 0; round < 60000; ++round) {
        std::string bytes = seeds[below(std::size(seeds))];
        for (std::size_t changes = below(4); changes > 0 && !bytes.empty(); --changes) {
            const std::size_t at = below(bytes.size());
            const std::size_t kind = below(5);
            if (kind == 0) bytes[at] = static_cast<char>(below(256));
            if (kind == 1) bytes.erase(at, 1 + below(16));
            if (kind == 2) bytes.insert(at, bytes.substr(below(bytes.size()), below(24)));
            if (kind == 3) bytes.resize(at);
            if (kind == 4) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
        }
        const Vetting got = vet_text(bytes);
        const Vetting want = vet_slowly(bytes);
        ++verdicts[static_cast<int>(got.verdict)];
        BOOST_TEST_REQUIRE(got.verdict == want.verdict, "round " << round);
        BOOST_TEST_REQUIRE(got.request_id == want.request_id, "round " << round);
    }
    for (const std::size_t count : verdicts) BOOST_TEST(count > 1000);  // all three were met
}

BOOST_AUTO_TEST_SUITE_END()
