// SPDX-License-Identifier: MIT
#include "ceymail/token/init_record.hpp"

#include <cerrno>
#include <cstdio>

#include <fcntl.h>

#include "ceymail/token/secret_file.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::token {
namespace {

constexpr const char* k_init = "init\n";
constexpr const char* k_init_settings = "init --settings\n";

util::Result<void> replace(const std::filesystem::path& path, const std::string& text) {
    const auto draft = path.string() + ".new";
    const util::Fd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd) return util::fail_errno(errno, "cannot write " + draft);
    CEYMAIL_TRY(write_all(fd.get(), {text}, draft));
    if (std::rename(draft.c_str(), path.c_str()) != 0)
        return util::fail_errno(errno, "cannot put " + draft + " in the place of " + path.string());
    return {};
}

}  // namespace

util::Result<std::optional<InitRecord::Succeeded>> InitRecord::read() const {
    const auto text = util::read_file(m_directory / "init", 4096);
    if (!text && text.error().kind == util::ErrorKind::not_found) return std::nullopt;
    if (!text) return std::unexpected(text.error());
    return Succeeded{.settings = *text == k_init_settings};
}

util::Result<void> InitRecord::write(Succeeded succeeded) const {
    auto done = replace(m_directory / "init", succeeded.settings ? k_init_settings : k_init);
    if (!done && done.error().kind == util::ErrorKind::not_found) return {};
    return done;
}

bool InitRecord::is_new(const std::string& message) const {
    const auto path = m_directory / "init-message";
    if (const auto last = util::read_file(path); last && *last == message + "\n") return false;
    (void)replace(path, message + "\n");
    return true;
}

}  // namespace ceymail::token
