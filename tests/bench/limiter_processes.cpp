// SPDX-License-Identifier: MIT
// The limiter under 1 to 8 processes that decide about many addresses at once.
//   usage: limiter_processes SECONDS     prints a JSON object: processes → decisions per second, in all
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ceymail/admission/rate_table.hpp"

namespace {

using namespace ceymail;

constexpr unsigned k_addresses = 4096;

struct Shared {
    admission::RateStorage storage;
    std::atomic<bool> begin;
    std::atomic<bool> end;
    std::atomic<std::uint64_t> decisions;
};

[[noreturn]] void decide(Shared& shared, std::uint64_t from) {
    admission::RateTable table(shared.storage, std::chrono::seconds(60), util::BootClock::now);
    while (!shared.begin) ::usleep(100);
    std::uint64_t decisions = 0;
    for (; !shared.end; ++decisions)
        static_cast<void>(table.admit({(from + decisions) % k_addresses, admission::AddressFamily::ipv4}));
    shared.decisions += decisions;
    ::_exit(0);
}

double decisions_per_second(unsigned processes, double seconds) {
    void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::exit(1);
    auto& shared = *new (memory) Shared{};
    admission::init_rate_locks(shared.storage);
    for (unsigned i = 0; i < processes; ++i) {
        if (::fork() == 0) decide(shared, std::uint64_t{i} * k_addresses / processes);
    }
    const auto begin = std::chrono::steady_clock::now();
    shared.begin = true;
    ::usleep(static_cast<useconds_t>(seconds * 1e6));
    shared.end = true;
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
    while (::wait(nullptr) > 0) {
    }
    const auto rate = static_cast<double>(shared.decisions) / passed.count();
    ::munmap(memory, sizeof(Shared));
    return rate;
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
    std::printf("{");
    for (const unsigned processes : {1U, 2U, 4U, 8U})
        std::printf("%s\"%u\": %.0f", processes == 1 ? "" : ", ", processes, decisions_per_second(processes, seconds));
    std::printf("}\n");
}
