// SPDX-License-Identifier: MIT
// The child becomes the service's user for good, so it is a process of its own; its answer comes by a pipe.
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
    if (!system_user.empty())
        if (auto changed = system::become(system_user, system::Capability::none); !changed)
            return std::unexpected(std::move(changed.error()));
    database::Connection connection(address);
    database::Statement statement(connection, "SELECT CURRENT_USER()", "trying the login");
    auto outcome = statement.run(deadline);
    if (!outcome) return std::unexpected(std::move(outcome.error()));
    return outcome->rows.empty() ? "" : outcome->rows.front()[0].value_or("");
}

struct Head {
    bool succeeded = false;
    util::ErrorKind kind{};
    int code = 0;
};

// Not by exit(3): what this process has open is the parent's to end.
[[noreturn]] void answer_and_end(int to, const util::Result<std::string>& result) {
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
    if (child == 0) answer_and_end(to.get(), log_in(address, system_user, deadline));
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
