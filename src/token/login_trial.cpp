// SPDX-License-Identifier: MIT
// A process cannot return to root after it became the service's user, so a child tries the login.
// The child sends the result through a pipe.
#include "ceymail/token/login_trial.hpp"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <sys/wait.h>
#include <unistd.h>

#include "ceymail/database/statement.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/token/secret_file.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::token {
namespace {

util::Result<std::string> log_in(const database::Address& address, const std::string& system_user,
                                 util::BootTime deadline) {
    if (!system_user.empty()) CEYMAIL_TRY(system::become(system_user, system::Capability::none));
    database::Connection connection(address);
    database::Statement statement(connection, "SELECT CURRENT_USER()", "trying the login");
    CEYMAIL_TRY_ASSIGN(const auto outcome, statement.run(deadline));
    return outcome.rows.empty() ? "" : outcome.rows.front()[0].value_or("");
}

struct Head {
    bool succeeded = false;
    util::ErrorKind kind{};
    int code = 0;
};

// Uses _exit(2): exit handlers and buffers belong to the parent.
[[noreturn]] void send_and_exit(int to, const util::Result<std::string>& result) {
    const Head head{result.has_value(), result ? util::ErrorKind{} : result.error().kind,
                    result ? 0 : result.error().code};
    const std::string& text = result ? *result : result.error().message;
    const std::string_view bytes(reinterpret_cast<const char*>(&head), sizeof head);
    ::_exit(write_all(to, {bytes, text}, "the pipe") ? 0 : 1);
}

std::string read_all(int from) {
    std::string all;
    char buffer[1024];
    for (;;) {
        const ssize_t got = ::read(from, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return all;
        all.append(buffer, static_cast<std::size_t>(got));
    }
}

}  // namespace

util::Result<std::string> try_login(const database::Address& address, const std::string& system_user,
                                    util::BootTime deadline) {
    int ends[2];
    if (::pipe(ends) != 0) return util::fail_errno(errno, "cannot try the login");
    const util::Fd from(ends[0]);
    util::Fd to(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return util::fail_errno(errno, "cannot try the login");
    if (child == 0) send_and_exit(to.get(), log_in(address, system_user, deadline));
    to.reset();
    const auto answer = read_all(from.get());
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    Head head;
    if (answer.size() < sizeof head)
        return util::fail(util::ErrorKind::internal, "cannot try the login: the process that does it ended");
    std::memcpy(&head, answer.data(), sizeof head);
    if (head.succeeded) return answer.substr(sizeof head);
    return util::fail(head.kind, answer.substr(sizeof head), head.code);
}

}  // namespace ceymail::token
