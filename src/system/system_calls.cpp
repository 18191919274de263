// SPDX-License-Identifier: MIT
#include "ceymail/system/system_calls.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
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

constexpr std::array k_forbidden_to_journal_reader{
    SYS_truncate, SYS_ftruncate, SYS_mremap,           SYS_remap_file_pages,  SYS_socket, SYS_connect,
    SYS_bind,     SYS_listen,    SYS_execve,           SYS_execveat,          SYS_clone,  SYS_clone3,
    SYS_kill,     SYS_ptrace,    SYS_process_vm_readv, SYS_process_vm_writev,
#ifdef SYS_fork
    SYS_fork,     SYS_vfork,
#endif
};

constexpr sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, std::uint32_t(offset)); }
constexpr sock_filter result(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }

// load the architecture; other: forbid / load the number; x32: forbid / each forbidden one: forbid / allow / forbid
template <std::size_t n>
constexpr std::array<sock_filter, 4 + n + 2> forbidding(const std::array<int, n>& calls) {
    constexpr std::size_t k_length = 4 + n + 2;
    static_assert(k_length < 256, "the offset of a jump is a byte");
    // The offset of a jump counts from the next instruction.
    constexpr auto to_last_from = [](std::size_t i) { return static_cast<std::uint8_t>(k_length - 1 - (i + 1)); };
    std::array<sock_filter, k_length> p{
        load(offsetof(seccomp_data, arch)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k_architecture, 0, to_last_from(1)),
        load(offsetof(seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k_first_of_x32, to_last_from(3), 0)};
    std::size_t i = 4;
    for (const auto number : calls) {
        p[i] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, std::uint32_t(number), to_last_from(i), 0);
        ++i;
    }
    p[i] = result(SECCOMP_RET_ALLOW);
    p[i + 1] = result(SECCOMP_RET_ERRNO | EPERM);
    return p;
}

constexpr std::array k_of_log_reader{
    SYS_read,    SYS_pread64,    SYS_fstat,        SYS_newfstatat,     SYS_close,
    SYS_recvmsg, SYS_sendmsg,    SYS_write,        SYS_ppoll,          SYS_brk,
    SYS_munmap,  SYS_madvise,    SYS_getrandom,    SYS_futex,          SYS_clock_gettime,
    SYS_exit,    SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_restart_syscall,
#ifdef SYS_poll
    SYS_poll,
#endif
};

// load the architecture; other: forbid / load the number; x32: forbid / each allowed one: allow / not mmap: forbid /
// load its third argument; executable: forbid / allow / forbid
constexpr std::size_t k_reader_length = 4 + k_of_log_reader.size() + 1 + 2 + 2;
static_assert(k_reader_length < 256, "the offset of a jump is a byte");

using ReaderProgram = std::array<sock_filter, k_reader_length>;

constexpr ReaderProgram reader_program() {
    constexpr auto to_forbid = [](std::size_t i) { return static_cast<std::uint8_t>(k_reader_length - 1 - (i + 1)); };
    constexpr auto to_allow = [](std::size_t i) { return static_cast<std::uint8_t>(k_reader_length - 2 - (i + 1)); };
    ReaderProgram p{
        load(offsetof(seccomp_data, arch)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k_architecture, 0, to_forbid(1)),
        load(offsetof(seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k_first_of_x32, to_forbid(3), 0)};
    std::size_t i = 4;
    for (const auto number : k_of_log_reader) {
        p[i] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, std::uint32_t(number), to_allow(i), 0);
        ++i;
    }
    p[i] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, std::uint32_t(SYS_mmap), 0, to_forbid(i));
    ++i;
    p[i++] = load(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t));  // low half: little endian
    p[i] = BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, to_forbid(i), 0);
    ++i;
    p[i++] = result(SECCOMP_RET_ALLOW);
    p[i] = result(SECCOMP_RET_ERRNO | EPERM);
    return p;
}

template <std::size_t n>
util::Result<void> install(std::array<sock_filter, n> instructions, const char* what) {
    if (k_architecture == 0)
        return util::fail(util::ErrorKind::unavailable, std::string(what) + ": not known for this architecture");
    const sock_fprog filter{n, instructions.data()};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) return {};
    return util::fail_errno(errno, what, "a kernel with CONFIG_SECCOMP_FILTER is needed");
}

}  // namespace

util::Result<void> forbid_remapping() {
    return install(forbidding(k_forbidden),
                   "cannot forbid this process to cut files short and to map memory elsewhere");
}

util::Result<void> allow_calls_of_log_reader() {
    return install(reader_program(), "cannot limit the system calls of the log reader");
}

util::Result<void> forbid_calls_of_journal_reader() {
    return install(forbidding(k_forbidden_to_journal_reader), "cannot limit the system calls of the journal reader");
}

}  // namespace ceymail::system
