// SPDX-License-Identifier: MIT
// ChildProcess: fork(2), execvpe(3) and a pidfd. Captured output goes to memory files, so that nothing blocks.
#include "support/child_process.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ceymail::testing {
namespace {

// How long wait() looks away where there is no pidfd to wake it: valgrind of Debian 12 does not know the call.
constexpr std::chrono::milliseconds k_without_pidfd(5);

[[noreturn]] void fail(const std::string& what) { throw std::system_error(errno, std::generic_category(), what); }

util::Fd memory_file(const std::string& text = {}) {
    util::Fd file(::memfd_create("child", MFD_CLOEXEC));
    if (!file || ::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
        fail("memfd_create");
    return file;
}

util::Fd file_to_append(const std::filesystem::path& path) {
    util::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (!file) fail(path);
    return file;
}

std::string contents(const util::Fd& file) {
    struct stat status{};
    if (!file || ::fstat(file.get(), &status) != 0) return {};
    std::string text(static_cast<std::size_t>(status.st_size), '\0');
    const auto length = ::pread(file.get(), text.data(), text.size(), 0);
    text.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    return text;
}

// All that the child needs, made before the fork: after it only async-signal-safe calls may follow.
struct Launch {
    std::vector<std::string> environment;
    std::string listen_pid = "LISTEN_PID=          ";
    std::vector<char*> argv;
    std::vector<char*> envp;
    std::array<int, 3> standard{};
    std::vector<int> passed;
    std::string directory;
    pid_t parent = ::getpid();
};

std::string name_of(const std::string& variable) { return variable.substr(0, variable.find('=') + 1); }

void add_variable(Launch& launch, const std::string& variable) {
    std::erase_if(launch.environment, [&](const auto& other) { return other.starts_with(name_of(variable)); });
    launch.environment.push_back(variable);
}

Launch prepare(const ChildOptions& options) {
    Launch launch;
    for (char** variable = environ; *variable != nullptr; ++variable) launch.environment.emplace_back(*variable);
    for (const auto& variable : options.environment) add_variable(launch, variable);
    if (options.announce_passed) add_variable(launch, "LISTEN_FDS=" + std::to_string(options.passed.size()));
    for (const auto& argument : options.arguments) launch.argv.push_back(const_cast<char*>(argument.c_str()));
    launch.argv.push_back(nullptr);
    for (auto& variable : launch.environment) launch.envp.push_back(variable.data());
    if (options.announce_passed) launch.envp.push_back(launch.listen_pid.data());
    launch.envp.push_back(nullptr);
    launch.passed = options.passed;
    launch.directory = options.directory;
    return launch;
}

void reset_signals() noexcept {
    for (int number = 1; number < NSIG; ++number) std::signal(number, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Moves the descriptors out of the way first: a target may be another's source.
void arrange_descriptors(Launch& launch) noexcept {
    constexpr int k_out_of_the_way = 200;
    for (auto& fd : launch.standard) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, k_out_of_the_way);
    for (auto& fd : launch.passed) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, k_out_of_the_way);
    int target = 0;
    for (const int fd : launch.standard) ::dup2(fd, target++);
    for (const int fd : launch.passed) ::dup2(fd, target++);
    ::syscall(SYS_close_range, target, ~0U, 0);
}

[[noreturn]] void become(Launch& launch) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != launch.parent) ::_exit(126);  // it died before we could say that we care
    reset_signals();
    arrange_descriptors(launch);
    constexpr std::size_t k_digits_at = sizeof "LISTEN_PID=" - 1;
    char* const end = launch.listen_pid.data() + launch.listen_pid.size();
    *std::to_chars(launch.listen_pid.data() + k_digits_at, end, ::getpid()).ptr = '\0';
    if (!launch.directory.empty() && ::chdir(launch.directory.c_str()) != 0) ::_exit(126);
    ::execvpe(launch.argv[0], launch.argv.data(), launch.envp.data());
    ::_exit(127);
}

int status_of(int raw) noexcept { return WIFSIGNALED(raw) ? -WTERMSIG(raw) : WEXITSTATUS(raw); }

}  // namespace

ChildProcess::ChildProcess(const ChildOptions& options) {
    Launch launch = prepare(options);
    const util::Fd input = options.input_fd >= 0 ? util::Fd() : memory_file(options.input);
    m_output = options.output_file.empty() ? memory_file() : file_to_append(options.output_file);
    m_errors = options.errors_file.empty() ? memory_file() : file_to_append(options.errors_file);
    launch.standard = {input ? input.get() : options.input_fd, m_output.get(), m_errors.get()};
    m_pid = ::fork();
    if (m_pid < 0) fail("fork");
    if (m_pid == 0) become(launch);
    m_pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, m_pid, 0)));
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : m_pid(std::exchange(other.m_pid, -1)),
      m_pidfd(std::move(other.m_pidfd)),
      m_output(std::move(other.m_output)),
      m_errors(std::move(other.m_errors)),
      m_status(other.m_status) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    if (this == &other) return *this;
    terminate();
    m_pid = std::exchange(other.m_pid, -1);
    m_pidfd = std::move(other.m_pidfd);
    m_output = std::move(other.m_output);
    m_errors = std::move(other.m_errors);
    m_status = other.m_status;
    return *this;
}

ChildProcess::~ChildProcess() { terminate(); }

void ChildProcess::signal(int number) const noexcept {
    if (m_pid > 0 && !m_status) ::kill(m_pid, number);
}

bool ChildProcess::running() { return m_pid > 0 && !wait(std::chrono::milliseconds(0)); }

std::optional<int> ChildProcess::wait(std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (!m_status && m_pid > 0) {
        int raw = 0;
        if (::waitpid(m_pid, &raw, WNOHANG) == m_pid) return m_status = status_of(raw);
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        if (left.count() <= 0) return std::nullopt;
        pollfd event{m_pidfd.get(), POLLIN, 0};
        const auto patience = m_pidfd ? left : std::min(left, k_without_pidfd);
        ::poll(&event, 1, static_cast<int>(patience.count()));
    }
    return m_status;
}

void ChildProcess::terminate(std::chrono::milliseconds patience) noexcept {
    if (m_pid < 0 || m_status) return;
    signal(SIGTERM);
    signal(SIGCONT);
    if (wait(patience)) return;
    signal(SIGKILL);
    (void)wait(std::chrono::seconds(10));
}

std::string ChildProcess::output() const { return contents(m_output); }
std::string ChildProcess::errors() const { return contents(m_errors); }

Finished run(const ChildOptions& options, std::chrono::milliseconds timeout) {
    ChildProcess child(options);
    const auto status = child.wait(timeout);
    if (!status) {
        child.signal(SIGKILL);
        throw std::runtime_error(options.arguments.front() + " did not end; it said: " + child.errors());
    }
    return {*status, child.output(), child.errors()};
}

std::string names_of_fds(pid_t pid) {
    std::string names;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
        names += std::filesystem::read_symlink(entry.path()).string() + "\n";
    return names;
}

std::string built_program(const std::string& name) {
    const char* const build = std::getenv("CEYMAIL_BUILD");
    return std::filesystem::absolute(build != nullptr ? build : "build/release") / name;
}

}  // namespace ceymail::testing
