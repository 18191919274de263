// SPDX-License-Identifier: MIT
// Linked into all that is built with VARIANT=sanitize or tsan: where the sanitizers report, and their options.
//
// Not to standard error, which tests swallow, nor to a file of the process' own, which a worker may not open any more
// when it has something to report: all append to one file, opened before main() and kept over fork(2), which the
// runner has made empty and wants empty. Where it is not there, reports go to standard error.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>

namespace {

constexpr int k_out_of_the_way = 512;  // of the descriptors that tests count on

// gcc's runtimes do not know of each other: the sanitizer of addresses and that of undefined behaviour each have one.
// Each has a descriptor of its own, since one closes the other's as it begins its first report.
struct Runtime {
    const char* name;
    void (*set_report_fd)(void*) = nullptr;
    int file = -1;
};
std::array<Runtime, 3> runtimes{{{"libasan.so.8"}, {"libubsan.so.1"}, {"libtsan.so.2"}}};

void report_there() {
    for (const auto& runtime : runtimes)
        if (runtime.set_report_fd != nullptr)
            runtime.set_report_fd(
                reinterpret_cast<void*>(static_cast<long>(runtime.file)));  // NOLINT: so it is declared
}

// After a fork a runtime takes the file for its parent's, and would look for one of its own.
__attribute__((constructor)) void open_reports() {
    const int opened = ::open(CEYMAIL_REPORTS, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (opened < 0) return;
    for (auto& runtime : runtimes) {
        void* const library = ::dlopen(runtime.name, RTLD_NOW | RTLD_NOLOAD);
        if (library == nullptr) continue;
        runtime.file = ::fcntl(opened, F_DUPFD_CLOEXEC, k_out_of_the_way);
        if (runtime.file >= 0)
            runtime.set_report_fd = reinterpret_cast<void (*)(void*)>(::dlsym(library, "__sanitizer_set_report_fd"));
        ::dlclose(library);
    }
    ::close(opened);
    report_there();
    ::pthread_atfork(nullptr, nullptr, report_there);
}

}  // namespace

extern "C" {

const char* __asan_default_options() { return "detect_stack_use_after_return=1:strict_string_checks=1"; }
const char* __ubsan_default_options() { return "print_stacktrace=1"; }
// Tests fork with threads about, as programs must not.
const char* __tsan_default_options() { return "die_after_fork=0:second_deadlock_stack=1"; }

// Leaks are looked for by tracing the process, which one that is not dumpable does not let anybody do.
int __lsan_is_turned_off() { return ::prctl(PR_GET_DUMPABLE) == 1 ? 0 : 1; }

}  // extern "C"
