// SPDX-License-Identifier: MIT
// Used and total memory, from /proc/meminfo.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "ceymail/collect/collector.hpp"

namespace ceymail::collect {

struct MemoryUsage {
    std::uint64_t used_bytes = 0;  // MemTotal - MemAvailable: not available to programs
    std::uint64_t total_bytes = 0;
};

// Parses MemTotal and MemAvailable, in kB of 1024 bytes. MemAvailable exists since Linux 3.14. Source: proc(5).
// Errors: invalid: one is missing or no number of kB, or MemAvailable is above MemTotal.
[[nodiscard]] util::Result<MemoryUsage> parse_memory(std::string_view proc_meminfo);

// Returns: ceymail_memory_used_bytes, ceymail_memory_total_bytes.
[[nodiscard]] util::Result<Families> memory_families(const std::filesystem::path& proc);

}  // namespace ceymail::collect
