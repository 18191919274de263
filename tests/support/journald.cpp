// SPDX-License-Identifier: MIT
#include "support/journald.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ceymail/util/fd.hpp"
#include "support/forked_child.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* k_script = R"(
set -e
mount --bind "$1/run" /run
mount --bind "$1/log" /var/log
exec /lib/systemd/systemd-journald
)";

std::string machine_id() { return slurp("/etc/machine-id").substr(0, 32); }

sockaddr_un address_of(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

util::Fd connected(const std::filesystem::path& path, int type = SOCK_DGRAM) {
    util::Fd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    const auto address = address_of(path);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        throw std::runtime_error("cannot reach journald");
    return fd;
}

std::string syslog_line(const std::string& identifier, const std::string& text) {
    return "<22>Nov 28 02:00:00 " + identifier + "[7]: " + text;
}

// In the binary form, which takes any byte.
std::string native_field(const std::string& name, const std::string& value) {
    std::string field = name + "\n";
    for (unsigned i = 0; i < 8; ++i) field += static_cast<char>(value.size() >> 8 * i & 0xff);
    return field + value + "\n";
}

void send(const util::Fd& fd, const std::string& datagram) {
    if (::send(fd.get(), datagram.data(), datagram.size(), 0) < 0) throw std::runtime_error("cannot send to journald");
}

// Larger than a datagram: in a sealed memfd. Source: sd_journal_sendv(3) and journald's native protocol.
void send_in_file(const util::Fd& fd, const std::string& content) {
    const util::Fd file(::memfd_create("entry", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    if (::write(file.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
        ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        throw std::runtime_error("cannot make a file for journald");
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    *reinterpret_cast<int*>(CMSG_DATA(part)) = file.get();
    if (::sendmsg(fd.get(), &message, 0) < 0) throw std::runtime_error("cannot send a file to journald");
}

template <class Condition>
void wait_for(Condition condition, const char* what) {
    for (const auto end = std::chrono::steady_clock::now() + 20s; !condition(); std::this_thread::sleep_for(5ms))
        if (std::chrono::steady_clock::now() > end) throw std::runtime_error(std::string("journald: ") + what);
}

}  // namespace

Journald::Journald(Storage storage) : m_storage(storage) {
    const bool is_persistent = storage == Storage::persistent;
    m_directory.write("run/systemd/journald.conf.d/test.conf",
                      std::string("[Journal]\nStorage=") +
                          (storage == Storage::volatile_only ? "volatile" : "persistent") +
                          "\nRateLimitIntervalSec=0\nForwardToSyslog=no\nForwardToWall=no\nReadKMsg=no\nAudit=no\n"
                          "SyncIntervalSec=0\nSystemKeepFree=1M\nRuntimeKeepFree=1M\n");
    std::filesystem::create_directories(m_directory / "run/systemd/journal");
    std::filesystem::create_directories(m_directory / "run/log/journal");
    std::filesystem::create_directories(m_directory / "log/journal" / machine_id());
    if (is_persistent) m_directory.write("run/systemd/journal/flushed", "");
    m_process.emplace(ChildOptions{.arguments = {"unshare", "--mount", "--propagation", "private", "sh", "-c", k_script,
                                                 "sh", m_directory.path().string()}});
    wait_for(
        [&] {
            if (!m_process->running()) throw std::runtime_error("journald ended: " + m_process->errors());
            return std::filesystem::exists(socket("dev-log")) && std::filesystem::exists(socket("socket"));
        },
        "its sockets do not come");
    wait_for([&] { return files() > 0; }, "its files do not come");
    sync();  // a file is there before its header is
}

Journald::~Journald() {
    if (m_process) m_process->terminate();
}

std::filesystem::path Journald::socket(const char* name) const { return m_directory / "run/systemd/journal" / name; }

std::filesystem::path Journald::persistent() const { return m_directory / "log/journal" / machine_id(); }
std::filesystem::path Journald::runtime() const { return m_directory / "run/log/journal" / machine_id(); }
std::filesystem::path Journald::directory() const {
    return m_storage == Storage::persistent ? persistent() : runtime();
}

int Journald::files() const {
    int count = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory(), error))
        count += entry.path().filename().string().starts_with("system") ? 1 : 0;
    return count;
}

void Journald::log(const std::string& identifier, const std::string& text, uid_t user) const {
    const auto to = connected(socket("dev-log"));
    if (user == 0) {
        send(to, syslog_line(identifier, text));
    } else {
        ForkedChild child([&] {
            if (::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0) return 1;
            send(to, syslog_line(identifier, text));
            ::usleep(200'000);  // journald looks at the process
            return 0;
        });
        if (child.wait() != 0) throw std::runtime_error("cannot log as another user");
    }
    sync();
}

void Journald::log_other(const std::string& identifier, const std::string& text) const {
    send(connected(socket("dev-log")), "<30>" + syslog_line(identifier, text).substr(4));
    sync();
}

void Journald::log_natively(const std::string& identifier, const std::string& message) const {
    const auto content = native_field("SYSLOG_FACILITY", "2") + native_field("SYSLOG_IDENTIFIER", identifier) +
                         native_field("MESSAGE", message);
    constexpr std::size_t k_datagram = 64U << 10U;
    const auto to = connected(socket("socket"));
    content.size() < k_datagram ? send(to, content) : send_in_file(to, content);
    sync();
}

// Source: sd_journal_stream_fd(3): identifier, unit, priority and facility, and four switches.
void Journald::log_by_stream(const std::string& identifier, const std::string& lines) const {
    const auto to = connected(socket("stdout"), SOCK_STREAM);
    send(to, identifier + "\n\n22\n0\n0\n0\n0\n" + lines);
    sync();
}

void Journald::log_many(const std::string& identifier, const std::string& text, int count) const {
    const auto to = connected(socket("dev-log"));
    for (int i = 0; i < count; ++i) send(to, syslog_line(identifier, text));
}

// journald takes messages of a socket in their order, and writes the file when it has synchronized all before.
void Journald::sync() const {
    const auto synced = socket("synced");
    std::filesystem::remove(synced);
    m_process->signal(SIGRTMIN + 1);
    wait_for([&] { return std::filesystem::exists(synced); }, "it does not synchronize");
}

void Journald::rotate() const {
    const auto before = files();
    m_process->signal(SIGUSR2);
    wait_for([&] { return files() > before; }, "it does not rotate");
}

void Journald::flush() {
    m_process->signal(SIGUSR1);
    wait_for([&] { return std::filesystem::exists(socket("flushed")); }, "it does not flush");
    m_storage = Storage::persistent;
    wait_for([&] { return files() > 0; }, "its files do not come");
    sync();
}

void Journald::vacuum() const {
    for (const auto& entry : std::filesystem::directory_iterator(directory()))
        if (entry.path().filename().string().starts_with("system@")) std::filesystem::remove(entry.path());
}

}  // namespace ceymail::testing
