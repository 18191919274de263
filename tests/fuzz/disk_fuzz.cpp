// SPDX-License-Identifier: MIT
// disk_usage() on any values of a file system: one in user space may return anything. The input: f_blocks, f_bfree,
// f_bavail and f_frsize.
// fuzz: -max_len=32
#include "ceymail/collect/disk.hpp"

#include <array>
#include <cstring>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ceymail::fuzz::require;
    std::array<std::uint64_t, 4> numbers{};
    std::memcpy(numbers.data(), data, std::min(size, sizeof numbers));
    struct statvfs status{};
    status.f_blocks = numbers[0];
    status.f_bfree = numbers[1];
    status.f_bavail = numbers[2];
    status.f_frsize = numbers[3];
    const auto got = ceymail::collect::disk_usage(status);
    const auto total = static_cast<unsigned __int128>(numbers[0]) * numbers[3];
    const bool plausible = numbers[0] != 0 && numbers[1] <= numbers[0] && total <= UINT64_MAX;
    require(got.has_value() == plausible, "what cannot be is refused");
    if (!got) return 0;
    require(got->total_bytes == total, "the size is that of all blocks");
    require(got->used_bytes == static_cast<unsigned __int128>(numbers[0] - numbers[1]) * numbers[3],
            "in use is what is not free");
    return 0;
}
