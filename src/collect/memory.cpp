// SPDX-License-Identifier: MIT
#include "ceymail/collect/memory.hpp"

#include "ceymail/collect/fields.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::collect {
namespace {

std::unexpected<util::Error> malformed(const std::string& what) {
    return util::fail(util::ErrorKind::invalid, "cannot read the memory in use: meminfo " + what);
}

util::Result<std::uint64_t> parse_bytes(std::string_view meminfo, std::string_view label) {
    auto line = find_line(meminfo, label);
    if (!line) return malformed("has no line " + std::string(label));
    line->remove_prefix(label.size());
    const auto kilobytes = parse_unsigned(take_field(*line));
    const bool known_unit = take_field(*line) == "kB" && take_field(*line).empty();
    std::uint64_t bytes = 0;
    if (!kilobytes || !known_unit || __builtin_mul_overflow(*kilobytes, std::uint64_t{1024}, &bytes)) {
        return malformed("gives no number of kB behind " + std::string(label));
    }
    return bytes;
}

}  // namespace

util::Result<MemoryUsage> parse_memory(std::string_view proc_meminfo) {
    CEYMAIL_TRY_ASSIGN(const auto total, parse_bytes(proc_meminfo, "MemTotal:"));
    CEYMAIL_TRY_ASSIGN(const auto available, parse_bytes(proc_meminfo, "MemAvailable:"));
    if (available > total) return malformed("has more in MemAvailable: than in MemTotal:");
    return MemoryUsage{total - available, total};
}

util::Result<Families> memory_families(const std::filesystem::path& proc) {
    CEYMAIL_TRY_ASSIGN(const auto text, util::read_file(proc / "meminfo"));
    CEYMAIL_TRY_ASSIGN(const auto usage, parse_memory(text));

    using enum exposition::MetricType;
    return Families{
        single("ceymail_memory_used_bytes", "Memory that programs could not have: MemTotal less MemAvailable.", gauge,
               usage.used_bytes),
        single("ceymail_memory_total_bytes", "Memory of the host: MemTotal.", gauge, usage.total_bytes),
    };
}

}  // namespace ceymail::collect
