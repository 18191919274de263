// SPDX-License-Identifier: MIT
#include "support/failing_calls.hpp"

#include <array>
#include <filesystem>
#include <stdexcept>

#include <fcntl.h>

#include "support/child_process.hpp"

namespace ceymail::testing {

FailingCalls::FailingCalls() {
    const auto path = m_directory.write("control", std::string(sizeof(FailingCallsControl), '\0'));
    const util::Fd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    auto memory = util::MappedMemory::map(file.get(), sizeof(FailingCallsControl), util::Access::read_write);
    if (!memory) throw std::runtime_error(memory.error().message);
    m_memory = std::move(*memory);
}

std::vector<std::string> FailingCalls::environment() const {
    const std::filesystem::path library = std::filesystem::absolute(built_program("failing-calls.so"));
    if (!std::filesystem::exists(library)) throw std::runtime_error(library.string() + " is not built");
    return {"LD_PRELOAD=" + library.string(),
            std::string(k_failing_calls_variable) + "=" + (m_directory / "control").string()};
}

FailingCallsControl& FailingCalls::control() const noexcept {
    return *reinterpret_cast<FailingCallsControl*>(m_memory.data());
}

void FailingCalls::begin(std::uint32_t calls) {
    control().made = 0;
    control().failed = 0;
    control().calls = calls;
}

void FailingCalls::fail_nth(Call call, std::int64_t n) {
    stop();
    control().countdown = n;
    begin(bit(call));
}

void FailingCalls::fail_one_in(std::uint32_t calls, std::uint32_t n, std::uint64_t seed) {
    stop();
    control().one_in = n;
    control().chance = seed;
    begin(calls);
}

void FailingCalls::stop() {
    control().calls = 0;
    control().one_in = 0;
    control().countdown = 0;
}

std::uint64_t FailingCalls::made() const { return control().made; }
std::uint64_t FailingCalls::failed() const { return control().failed; }

const char* name_of(Call call) {
    static constexpr std::array<const char*, static_cast<std::size_t>(Call::count)> k_names{
        "memory", "open", "map", "read", "write", "accept", "connect", "watch", "fork"};
    return k_names[static_cast<std::size_t>(call)];
}

}  // namespace ceymail::testing
