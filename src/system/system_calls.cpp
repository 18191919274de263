// SPDX-License-Identifier: MIT
#include "ceymail/system/system_calls.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace ceymail::system {

namespace {

#if defined(__x86_64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t k_architecture = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t k_architecture = 0;
#endif

constexpr std::uint32_t k_first_of_x32 = 0x40000000;  // the same calls on x86_64, for x32 programs
constexpr std::array k_forbidden{SYS_truncate, SYS_ftruncate, SYS_mremap, SYS_remap_file_pages};

// load the architecture; other: forbid / load the number; x32: forbid / each forbidden one: forbid / allow / forbid
constexpr std::size_t k_length = 4 + k_forbidden.size() + 2;

using Program = std::array<sock_filter, k_length>;

constexpr sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, std::uint32_t(offset)); }
constexpr sock_filter result(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

// The offset of a jump counts from the next instruction.
constexpr std::uint8_t to_last_from(std::size_t i) { return static_cast<std::uint8_t>(k_length - 1 - (i + 1)); }

constexpr Program program() {
    Program p{load(offsetof(seccomp_data, arch)),
              BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k_architecture, 0, to_last_from(1)), load(offsetof(seccomp_data, nr)),
              BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k_first_of_x32, to_last_from(3), 0)};
    std::size_t i = 4;
    for (const auto number : k_forbidden) {
        p[i] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, std::uint32_t(number), to_last_from(i), 0);
        ++i;
    }
    p[i] = result(SECCOMP_RET_ALLOW);
    p[i + 1] = result(SECCOMP_RET_ERRNO | EPERM);
    return p;
}

}  // namespace

util::Result<void> forbid_remapping() {
    const auto what = "cannot forbid this process to cut files short and to map memory elsewhere";
    if (k_architecture == 0)
        return util::fail(util::ErrorKind::unavailable, std::string(what) + ": not known for this architecture");
    auto instructions = program();
    const sock_fprog filter{k_length, instructions.data()};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) return {};
    return util::fail_errno(errno, what, "a kernel with CONFIG_SECCOMP_FILTER is needed");
}

}  // namespace ceymail::system
