// SPDX-License-Identifier: MIT
// A refused request allocates nothing after the first requests. Not with a sanitizer, which has its own operator new.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include <sys/eventfd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/endpoint/endpoint.hpp"
#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "support/fastcgi_client.hpp"
#include "support/forked_child.hpp"
#include "support/temporary_directory.hpp"

namespace {

std::atomic<int> allocations{0};

void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) {
    ++allocations;
    const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
    void* const memory =
        alignment <= alignof(std::max_align_t) ? std::malloc(size) : std::aligned_alloc(alignment, rounded);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

}  // namespace

// Ours all go this way; what libfcgi allocates for a request, and frees with it, goes straight to malloc(3).
void* operator new(std::size_t size) { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using namespace ceymail;
using namespace ceymail::testing;

constexpr int k_wrong_answer = 90;

// The objects of one worker. These requests do not reach the database.
struct Worker {
    TemporaryDirectory directory;
    std::string address = "unix:" + (directory / "socket").string();
    util::Fd listener = fastcgi::make_listener(address, "").value();
    shared::Segment segment = shared::Segment::attach(directory.path()).value();
    config::Configuration configuration{};
    endpoint::Endpoint endpoint{configuration, segment, [](auto&&...) { return util::BootTime{}; },
                                database::TokenReader({.socket = directory / "none"}, "ceymail_dashboard")};
    util::Fd stop{::eventfd(0, EFD_CLOEXEC)};  // never rings
    fastcgi::Responder responder{listener.get(), stop.get()};

    // The allocations of one request, or k_wrong_answer.
    int cost_of(const Parameters& parameters, int status) {
        FastcgiClient client(address);
        client.send(request(parameters));
        const auto refused = [](int) {};
        const int before = allocations;
        const auto* const asked = responder.next(refused);
        const auto& answer = endpoint.answer(*asked);
        responder.answer(answer);
        endpoint.record_last_used();
        return answer.status == status ? allocations - before : k_wrong_answer;
    }
};

Parameters from(const std::string& address, const std::string& authorization = {}) {
    auto parameters = scrape_parameters(authorization);
    for (auto& [name, value] : parameters) {
        if (name == "REMOTE_ADDR") value = address;
    }
    if (authorization.empty())
        std::erase_if(parameters, [](const auto& one) { return one.first == "HTTP_AUTHORIZATION"; });
    return parameters;
}

// In a child process, because libfcgi changes signal handlers.
int in_child(int (*body)(Worker&)) {
    ForkedChild child([body] {
        Worker worker;
        return body(worker);
    });
    return child.wait();
}

BOOST_AUTO_TEST_SUITE(allocations_of_a_request)

BOOST_AUTO_TEST_CASE(are_none_without_a_token) {
    BOOST_TEST(in_child([](Worker& worker) {
                   const int first = worker.cost_of(from("192.0.2.1"), 401);
                   if (first == 0 || first == k_wrong_answer) return k_wrong_answer;  // the counter counts
                   return worker.cost_of(from("192.0.2.2"), 401);
               }) == 0);
}

BOOST_AUTO_TEST_CASE(are_none_once_an_address_has_spent_its_minute) {
    BOOST_TEST(in_child([](Worker& worker) {
                   const auto scrape = from("192.0.2.1", "Bearer ceymail_0123456789abcdef");
                   for (int i = 0; i < 12; ++i) static_cast<void>(worker.cost_of(scrape, 503));
                   static_cast<void>(worker.cost_of(scrape, 429));
                   return worker.cost_of(scrape, 429);
               }) == 0);
}

BOOST_AUTO_TEST_CASE(are_none_at_another_path) {
    BOOST_TEST(in_child([](Worker& worker) {
                   auto parameters = from("192.0.2.1");
                   for (auto& [name, value] : parameters) {
                       if (name == "REQUEST_URI") value = "/some/other/path/that/somebody/looks/for";
                   }
                   static_cast<void>(worker.cost_of(parameters, 404));
                   return worker.cost_of(parameters, 404);
               }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace

#endif
