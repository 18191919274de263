// SPDX-License-Identifier: MIT
#include "ceymail/system/privileges.hpp"

#include <array>
#include <cerrno>
#include <cstdint>

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ceymail::system {

namespace {

using util::Result;

using CapabilitySets = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

// `call`: SYS_capget or SYS_capset. Direct system calls: libcap would be a dependency for two calls.
bool on_own_capabilities(long call, CapabilitySets& sets) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    return ::syscall(call, &header, sets.data()) == 0;
}

constexpr std::uint32_t k_dac_read_search_bit = 1U << CAP_DAC_READ_SEARCH;
static_assert(CAP_DAC_READ_SEARCH < 32, "it must be in the first word");

Result<void> keep_at_most(Capability kept) {
    CapabilitySets had{};
    if (!on_own_capabilities(SYS_capget, had))
        return util::fail_errno(errno, "cannot read the capabilities of this process");
    const std::uint32_t wanted = kept == Capability::dac_read_search ? k_dac_read_search_bit : 0;
    CapabilitySets sets{};
    sets[0].permitted = sets[0].effective = had[0].permitted & wanted;
    // An empty inheritable set also empties the ambient set, capabilities(7). No process here executes a program.
    if (!on_own_capabilities(SYS_capset, sets)) return util::fail_errno(errno, "cannot drop capabilities");
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return util::fail_errno(errno, "cannot set no_new_privs");
    return {};
}

Result<void> change_user(const std::string& user, const std::string& key) {
    errno = 0;
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) {
        return util::fail(util::ErrorKind::not_found,
                          "there is no user \"" + user + "\"; make it (systemd-sysusers, or adduser --system " + user +
                              ") or name another by " + key + " = or --user",
                          errno);
    }
    const uid_t uid = entry->pw_uid;
    const gid_t gid = entry->pw_gid;
    if (uid == ::geteuid()) return {};  // user = root; capabilities are dropped all the same
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || ::initgroups(user.c_str(), gid) != 0 ||
        ::setresgid(gid, gid, gid) != 0 || ::setresuid(uid, uid, uid) != 0) {
        return util::fail_errno(errno, "cannot become user \"" + user + "\"",
                                "the service needs CAP_SETUID and CAP_SETGID when it is started as root");
    }
    return {};
}

}  // namespace

Result<void> become(const std::string& user, Capability kept, const std::string& key) {
    if (::geteuid() == 0) CEYMAIL_TRY(change_user(user, key));
    return keep_at_most(kept);
}

bool has_dac_read_search() noexcept {
    CapabilitySets sets{};
    return on_own_capabilities(SYS_capget, sets) && (sets[0].effective & k_dac_read_search_bit) != 0;
}

void forbid_dumps() noexcept {
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
}

}  // namespace ceymail::system
