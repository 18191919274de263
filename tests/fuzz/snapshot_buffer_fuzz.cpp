// SPDX-License-Identifier: MIT
// SnapshotBuffer::read() and times() on any bytes of a compromised gatherer, the only process that can write to that
// memory. The input: the number of the publication, 8 bytes, and the beginning of its buffer.
// fuzz: -max_len=128
#include "ceymail/snapshot/snapshot_buffer.hpp"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>

#include "fuzz/fuzz.hpp"

using ceymail::fuzz::require;
using ceymail::snapshot::k_snapshot_capacity;
using ceymail::snapshot::SnapshotBuffer;

namespace {

// As in snapshot_buffer.cpp.
constexpr std::size_t k_first_buffer = 64;
constexpr std::size_t k_size = 32;
constexpr std::size_t k_text = 40;
constexpr std::size_t k_buffer_size = 64 + k_snapshot_capacity;

// The gatherer's mapping, which is private in SnapshotBuffer.
std::uint8_t* find_memory() {
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("memfd:ceymail-snapshot") == line.npos || line.find(" rw-s ") == line.npos) continue;
        return reinterpret_cast<std::uint8_t*>(std::stoull(line, nullptr, 16));
    }
    require(false, "the board is mapped");
    return nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const SnapshotBuffer buffer = SnapshotBuffer::make().value();
    static std::uint8_t* const memory = find_memory();
    std::uint64_t number = 0;
    if (size < sizeof number) return 0;
    std::memcpy(&number, data, sizeof number);
    std::memcpy(memory, &number, sizeof number);
    for (const auto begin : {k_first_buffer, k_first_buffer + k_buffer_size}) std::memset(memory + begin, 0, k_text);
    std::memcpy(memory + k_first_buffer + number % 2 * k_buffer_size, data + sizeof number, size - sizeof number);

    std::string text = "what was there before";
    const auto times = buffer.read(text);
    require(text.size() <= k_snapshot_capacity, "no more than there is room for");
    require(number != 0 || text.empty(), "there is nothing before the first publication");
    require(text.empty() || size > sizeof number + k_size,
            "and nothing without a buffer that has that number and a size");
    require(buffer.times().taken_at == times.taken_at, "both tell the same time");
    return 0;
}
