// SPDX-License-Identifier: MIT
// How many accounts sent within the hour, and the busiest of them.
#include "ceymail/maillog/sender_window.hpp"

#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using namespace ceymail;
using namespace std::chrono_literals;
using maillog::SenderWindow;

constexpr util::SipKey k_key{0x0123456789abcdef, 0xfedcba9876543210};

struct Window {
    std::unique_ptr<SenderWindow> window = std::make_unique<SenderWindow>();
    util::BootTime start{24h};

    Window() { window->set_key(k_key); }

    void add(std::string_view name, std::uint64_t messages = 1, util::BootTime::duration at = 0s) {
        window->add(name, messages, start + at);
    }
    [[nodiscard]] std::uint64_t senders(util::BootTime::duration at = 0s) const {
        return window->summary(start + at).senders;
    }
    [[nodiscard]] std::uint64_t busiest(util::BootTime::duration at = 0s) const {
        return window->summary(start + at).busiest_messages;
    }
};

BOOST_AUTO_TEST_SUITE(sender_window)

BOOST_AUTO_TEST_CASE(is_empty_at_first) {
    const Window window;
    BOOST_TEST(window.senders() == 0);
    BOOST_TEST(window.busiest() == 0);
}

BOOST_AUTO_TEST_CASE(counts_each_account_once_and_all_its_messages) {
    Window window;
    for (int i = 0; i < 3; ++i) window.add("a@example.org");
    window.add("b@example.org", 7);
    window.add("c@example.org");
    BOOST_TEST(window.senders() == 3);
    BOOST_TEST(window.busiest() == 7);
}

BOOST_AUTO_TEST_CASE(forgets_after_an_hour) {
    Window window;
    window.add("a@example.org", 5);
    BOOST_TEST(window.busiest(54min) == 5);
    BOOST_TEST(window.senders(54min) == 1);
    BOOST_TEST(window.busiest(61min) == 0);
    BOOST_TEST(window.senders(61min) == 0);
}

BOOST_AUTO_TEST_CASE(forgets_the_first_minutes_after_the_boot_as_well) {
    Window window;
    window.start = {};
    window.add("a@example.org", 5, 1min);
    BOOST_TEST(window.busiest(59min) == 5);
    BOOST_TEST(window.busiest(60min) == 0);
}

BOOST_AUTO_TEST_CASE(moves_on_slot_by_slot) {
    Window window;
    for (int minute = 0; minute < 180; minute += 5) window.add("a@example.org", 10, std::chrono::minutes(minute));
    BOOST_TEST(window.busiest(175min) == 120);
    BOOST_TEST(window.busiest(205min) == 60);
    window.add("b@example.org", 1, 10h);
    BOOST_TEST(window.busiest(10h) == 1);
    BOOST_TEST(window.senders(10h) == 1);
}

BOOST_AUTO_TEST_CASE(forgets_what_lies_in_slots_without_a_message) {
    Window window;
    window.add("a@example.org", 10);
    window.add("a@example.org", 1, 55min);
    BOOST_TEST(window.busiest(55min) == 11);
    window.add("a@example.org", 1, 65min);
    BOOST_TEST(window.busiest(65min) == 2);
}

BOOST_AUTO_TEST_CASE(forgets_each_message_an_hour_after_its_five_minutes) {
    Window window;
    for (int i = 0; i < 8; ++i) window.add("a@example.org", 1U << i, i * 5min);
    for (int i = 0; i <= 8; ++i) BOOST_TEST(window.busiest(55min + i * 5min) == (0xFFU >> i << i), i);
}

BOOST_AUTO_TEST_CASE(the_second_is_the_busiest_when_the_first_has_left) {
    Window window;
    window.add("first@example.org", 100);
    window.add("second@example.org", 50, 30min);
    BOOST_TEST(window.busiest(30min) == 100);
    BOOST_TEST(window.busiest(70min) == 50);
}

BOOST_AUTO_TEST_CASE(a_later_account_with_as_many_messages_as_all_others_is_not_forgotten_with_them) {
    Window window;
    for (int i = 0; i < 16; ++i) window.add(std::to_string(i) + "@example.org", 5);
    window.add("later@example.org", 5, 30min);
    BOOST_TEST(window.busiest(62min) == 5);
}

BOOST_AUTO_TEST_CASE(keeps_no_name) {
    Window window;
    window.add("busiest@example.org", 9);
    for (int i = 0; i < 1000; ++i) window.add("account" + std::to_string(i) + "@example.org");
    const std::string_view bytes(reinterpret_cast<const char*>(window.window.get()), sizeof(SenderWindow));
    BOOST_TEST(!bytes.contains("busiest"));
    BOOST_TEST(!bytes.contains("account"));
    BOOST_TEST(!bytes.contains("example"));
}

BOOST_AUTO_TEST_CASE(takes_names_of_any_length) {
    Window window;
    window.add(std::string(500, 'x'));
    window.add("", 5);
    BOOST_TEST(window.senders() == 2);
    BOOST_TEST(window.busiest() == 5);
}

BOOST_AUTO_TEST_CASE(is_near_for_some_hundred_accounts) {
    Window window;
    for (int i = 0; i < 300; ++i) window.add("account" + std::to_string(i) + "@example.org", 1 + (i == 123 ? 40 : 0));
    BOOST_TEST(window.senders() >= 294);
    BOOST_TEST(window.senders() <= 306);
    BOOST_TEST(window.busiest() == 41);
}

// By all 8192 bits, four rows and 1024 columns: with less of them these figures would be others.
BOOST_AUTO_TEST_CASE(is_as_near_as_all_its_bits_make_it) {
    Window window;
    for (int i = 0; i < 900; ++i) window.add("y" + std::to_string(i) + "@example.org");
    for (int i = 0; i < 16; ++i) window.add("busy" + std::to_string(i) + "@example.org", 40);
    BOOST_TEST(window.busiest() == 40);
    BOOST_TEST(window.senders() == 926);
}

BOOST_AUTO_TEST_CASE(is_near_for_ten_thousand_accounts_and_never_too_low) {
    Window window;
    for (int i = 0; i < 10'000; ++i) window.add("account" + std::to_string(i), 1, std::chrono::seconds(i / 4));
    window.add("spammer", 500, 42min);
    BOOST_TEST(window.senders(42min) >= 9'800);
    BOOST_TEST(window.senders(42min) <= 10'200);
    BOOST_TEST(window.busiest(42min) >= 500);
    BOOST_TEST(window.busiest(42min) <= 520);
}

BOOST_AUTO_TEST_CASE(a_time_that_steps_back_counts_as_the_last_one) {
    Window window;
    window.add("a@example.org", 2, 10min);
    window.add("a@example.org", 3, -23h);
    BOOST_TEST(window.busiest(10min) == 5);
    BOOST_TEST(window.busiest(-23h) == 5);
}

BOOST_AUTO_TEST_CASE(saturates) {
    Window window;
    for (int i = 0; i < 3; ++i) window.add("a@example.org", 60'000);
    BOOST_TEST(window.busiest() == 65'535);
}

BOOST_AUTO_TEST_CASE(any_bytes_are_safe_to_read) {
    for (const int byte : {0x00, 0x7f, 0x80, 0xff}) {
        SenderWindow window;
        std::fill_n(reinterpret_cast<char*>(&window), sizeof window, static_cast<char>(byte));
        const auto copy = std::make_unique<SenderWindow>(window);
        BOOST_TEST(copy->summary(util::BootTime{1h}).senders <= 100'000);
        copy->add("a@example.org", 1, util::BootTime{1h});
    }
    SenderWindow full;  // more accounts than its bits can tell
    std::fill_n(reinterpret_cast<char*>(&full), sizeof full, '\xff');
    BOOST_TEST(full.summary(util::BootTime{}).senders == 73'817);  // 8192 ln 8192
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
