// SPDX-License-Identifier: MIT
// Started in the place of the responder, in its very sandbox and with the gatherer's capability: tries what somebody
// who had taken it over would try. Prints "refused WHAT (why)" or "DONE WHAT" a line. What the service does must work
// here too, so that a refusal tells something.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <mysql.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

void tell(const char* what, bool done, const std::string& why) {
    if (done) {
        std::printf("DONE %s\n", what);
    } else {
        std::printf("refused %s (%s)\n", what, why.c_str());
    }
    std::fflush(stdout);
}

void tell(const char* what, bool done) { tell(what, done, std::strerror(errno)); }

bool reads(const char* path) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    char byte = 0;
    const bool done = fd >= 0 && ::read(fd, &byte, 1) == 1;
    if (fd >= 0) ::close(fd);
    return done;
}

bool writes(const std::string& directory) {
    const std::string path = directory + "/ceymail-probe";
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    if (fd < 0) return false;
    ::close(fd);
    ::unlink(path.c_str());
    return true;
}

// In a child; whatever is executed shall end well when it is asked for its version.
bool executes(const char* path) {
    const pid_t child = ::fork();
    if (child == 0) {
        char* const arguments[] = {const_cast<char*>(path), const_cast<char*>("--version"), nullptr};
        ::execv(path, arguments);
        ::_exit(errno);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    errno = WEXITSTATUS(status);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool executes_own_copy() {
    const char* const copy = "/run/ceymail-metrics/ceymail-probe";
    const int from = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const int to = ::open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    char bytes[4096];
    for (ssize_t n = 0; (n = ::read(from, bytes, sizeof bytes)) > 0;)
        if (::write(to, bytes, static_cast<std::size_t>(n)) != n) break;
    ::close(from);
    ::close(to);
    const bool done = executes(copy);
    ::unlink(copy);
    return done;
}

bool executes_from_memory() {
    const int fd = static_cast<int>(::syscall(SYS_memfd_create, "probe", 0));
    const void* const page =
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fd >= 0) ::close(fd);
    return page != MAP_FAILED;
}

bool traces() {
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    const bool done = ::ptrace(PTRACE_ATTACH, child, nullptr, nullptr) == 0;
    const int error = errno;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    errno = error;
    return done;
}

bool reads_memory_of_others() {
    char byte = 0;
    iovec here{&byte, 1};
    iovec there{&byte, 1};
    return ::process_vm_readv(::getppid(), &here, 1, &there, 1, 0) >= 0 || reads("/proc/1/mem");
}

class Database {
public:
    Database() : m_mysql(::mysql_init(nullptr)) {
        m_connected = ::mysql_real_connect(m_mysql, nullptr, "ceymail-metrics", nullptr, nullptr, 0,
                                           "/run/mysqld/mysqld.sock", 0) != nullptr;
    }
    ~Database() { ::mysql_close(m_mysql); }
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    void attempt(const char* what, const char* sql) {
        const bool done = m_connected && ::mysql_query(m_mysql, sql) == 0;
        tell(what, done, ::mysql_error(m_mysql));
        if (MYSQL_RES* const rows = done ? ::mysql_store_result(m_mysql) : nullptr) ::mysql_free_result(rows);
    }

private:
    MYSQL* m_mysql;
    bool m_connected = false;
};

void do_what_the_service_does(Database& database) {
    tell("own_directory", writes("/run/ceymail-metrics"));
    tell("own_settings", reads("/etc/ceymail-metrics/ceymail-metrics.conf"));
    tell("own_queue", ::open("/var/spool/postfix/deferred", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
    database.attempt("own_token", "SELECT id, token_sha256 FROM ceymail_dashboard.metrics_tokens WHERE active = 1");
}

void attempt_files() {
    tell("shadow", reads("/etc/shadow") || reads("/proc/1/root/etc/shadow") || reads("/var/spool/postfix/etc/shadow"));
    tell("root_keys", reads("/root/.ssh/id_ed25519") || reads("/etc/ssl/ceymail/key.pem") || reads("/etc/passwd"));
    for (const char* directory :
         {"/", "/etc/ceymail-metrics", "/run", "/run/host", "/tmp", "/var/tmp", "/dev/shm", "/dev",
          "/var/spool/postfix", "/var/spool/postfix/maildrop", "/usr/lib", "/proc/sys/kernel"}) {
        if (!writes(directory)) continue;
        std::printf("in %s\n", directory);
        return tell("write_elsewhere", true);
    }
    tell("write_elsewhere", false);
}

void attempt_programs() {
    tell("exec", executes("/bin/sh") || executes("/usr/bin/env") || executes("/usr/sbin/ceymail-token") ||
                     executes("/var/spool/postfix/bin/sh") || executes("/usr/lib/systemd/systemd") ||
                     executes("/usr/lib/postfix/sbin/master") || executes("/usr/lib/apt/apt-helper"));
    tell("exec_own_copy", executes_own_copy());
    tell("exec_from_memory", executes_from_memory());
    tell("ptrace", traces());
    tell("memory_of_others", reads_memory_of_others());
}

void attempt_kernel() {
    tell("inet_socket", ::socket(AF_INET, SOCK_STREAM, 0) >= 0 || ::socket(AF_INET6, SOCK_DGRAM, 0) >= 0);
    tell("netlink_socket", ::socket(AF_NETLINK, SOCK_RAW, 0) >= 0 || ::socket(AF_PACKET, SOCK_RAW, 0) >= 0);
    tell("become_root", ::setuid(0) == 0 || ::syscall(SYS_setresuid, 0, 0, 0) == 0);
    tell("mount", ::mount("none", "/run/ceymail-metrics", "tmpfs", 0, nullptr) == 0 || ::unshare(CLONE_NEWUSER) == 0);
    tell("kernel_log", ::syscall(SYS_syslog, 3, nullptr, 0) >= 0 || reads("/dev/kmsg"));
    tell("bpf", ::syscall(SYS_bpf, 0, nullptr, 0) >= 0 || ::syscall(SYS_perf_event_open, nullptr, 0, -1, -1, 0) >= 0);
}

void attempt_database(Database& database) {
    database.attempt("mint_token",
                     "INSERT INTO ceymail_dashboard.metrics_tokens (token_sha256) VALUES (UNHEX(SHA2('x', 256)))");
    database.attempt("change_token",
                     "UPDATE ceymail_dashboard.metrics_tokens SET token_sha256 = UNHEX(SHA2('x', 256))");
    database.attempt("revive_token", "UPDATE ceymail_dashboard.metrics_tokens SET revoked_at = NULL");
    database.attempt("hide_the_last_use", "UPDATE ceymail_dashboard.metrics_tokens SET last_used_at = NULL");
    database.attempt("read_mail_passwords", "SELECT password FROM ceymail.virtual_users");
    database.attempt("read_audit_log", "SELECT * FROM ceymail_dashboard.audit_logs");
}

// In the place of ceymail-settings: which of these sockets can be reached.
void attempt_sockets(char** paths) {
    for (; *paths != nullptr; ++paths) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, *paths, sizeof address.sun_path - 1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        tell(*paths, ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        ::close(fd);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "connect") == 0) {
        attempt_sockets(argv + 2);
        return 0;
    }
    if (argc > 1) return 0;  // executed by itself
    Database database;
    do_what_the_service_does(database);
    attempt_files();
    attempt_programs();
    attempt_kernel();
    attempt_database(database);
}
