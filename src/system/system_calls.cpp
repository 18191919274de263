// SPDX-License-Identifier: MIT
#include "ceymail/system/system_calls.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

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

constexpr std::uint32_t k_forbid = SECCOMP_RET_ERRNO | EPERM;

constexpr sock_filter load(std::size_t offset) { return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, std::uint32_t(offset)); }
constexpr sock_filter result(std::uint32_t action) { return BPF_STMT(BPF_RET | BPF_K, action); }
// Executes the next instruction, or skips it.
constexpr sock_filter only_if(unsigned test, std::uint32_t value) {
    return BPF_JUMP(BPF_JMP | BPF_K | test, value, 0, 1);
}
constexpr sock_filter unless(unsigned test, std::uint32_t value) {
    return BPF_JUMP(BPF_JMP | BPF_K | test, value, 1, 0);
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

// The filter returns `action` for each of `calls`, and decides on the other calls of this architecture by `rest`.
util::Result<void> install(const char* what, std::span<const int> calls, std::uint32_t action,
                           std::initializer_list<sock_filter> rest = {result(SECCOMP_RET_ALLOW)}) {
    if (k_architecture == 0)
        return util::fail(util::ErrorKind::unavailable, std::string(what) + ": not known for this architecture");
    std::vector<sock_filter> program{
        load(offsetof(seccomp_data, arch)), unless(BPF_JEQ, k_architecture),  result(k_forbid),
        load(offsetof(seccomp_data, nr)),   only_if(BPF_JGE, k_first_of_x32), result(k_forbid)};
    for (const auto number : calls)
        program.insert(program.end(), {only_if(BPF_JEQ, std::uint32_t(number)), result(action)});
    program.insert(program.end(), rest);
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) return {};
    return util::fail_errno(errno, what, "a kernel with CONFIG_SECCOMP_FILTER is needed");
}

}  // namespace

util::Result<void> forbid_remapping() {
    return install("cannot forbid this process to cut files short and to map memory elsewhere", k_forbidden, k_forbid);
}

// Of mmap(2) it looks at the low half of the third argument, on these architectures the first one in memory.
util::Result<void> allow_calls_of_log_reader() {
    return install(
        "cannot limit the system calls of the log reader", k_of_log_reader, SECCOMP_RET_ALLOW,
        {unless(BPF_JEQ, SYS_mmap), result(k_forbid), load(offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t)),
         only_if(BPF_JSET, PROT_EXEC), result(k_forbid), result(SECCOMP_RET_ALLOW)});
}

util::Result<void> forbid_calls_of_journal_reader() {
    return install("cannot limit the system calls of the journal reader", k_forbidden_to_journal_reader, k_forbid);
}

}  // namespace ceymail::system
