// SPDX-License-Identifier: MIT
// validate(): which bytes may reach libfcgi.
#include "ceymail/fastcgi/request_validation.hpp"

#include <boost/test/unit_test.hpp>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "support/fastcgi_records.hpp"
#include "support/malformed_requests.hpp"
#include "support/request_validation_reference.hpp"

using namespace ceymail::testing;
using ceymail::fastcgi::validate;
using ceymail::fastcgi::Validation;
using ceymail::fastcgi::Verdict;

namespace ceymail::fastcgi {
static std::ostream& boost_test_print_type(std::ostream& out, Verdict verdict) {
    constexpr const char* k_words[] = {"whole", "incomplete", "malformed"};
    return out << k_words[static_cast<int>(verdict)];
}
}  // namespace ceymail::fastcgi

namespace {

Validation vet_text(std::string_view text) { return validate(bytes_of(text)); }

void require_verdict(const std::vector<LabelledBytes>& cases, Verdict want) {
    for (const LabelledBytes& c : cases) {
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

}  // namespace

BOOST_AUTO_TEST_SUITE(request_validation)

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

BOOST_AUTO_TEST_CASE(reports_the_request_to_keep_the_connection) {
    const auto asks = [](const std::string& bytes) {
        return validate(std::as_bytes(std::span(bytes))).asks_to_keep_connection;
    };
    BOOST_TEST(asks(begin_request(1, 1, 1) + k_params + k_input));
    BOOST_TEST(!asks(begin_request(1, 1, 0) + k_params + k_input));
    BOOST_TEST(!asks(begin_request(1, 1, 2) + k_params + k_input));
}

BOOST_AUTO_TEST_CASE(refuses_malformed_bytes) {
    BOOST_TEST(malformed_requests().size() >= 60);
    require_verdict(malformed_requests(), Verdict::malformed);
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
    std::mt19937 random(20240607);  // fixed, so that a failure is reproducible
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
        const Validation got = vet_text(bytes);
        const Validation want = vet_slowly(bytes);
        ++verdicts[static_cast<int>(got.verdict)];
        BOOST_TEST_REQUIRE(got.verdict == want.verdict, "round " << round);
        BOOST_TEST_REQUIRE(got.request_id == want.request_id, "round " << round);
    }
    for (const std::size_t count : verdicts) BOOST_TEST(count > 1000);  // each verdict occurred
}

BOOST_AUTO_TEST_SUITE_END()
