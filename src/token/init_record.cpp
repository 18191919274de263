// SPDX-License-Identifier: MIT
#include "ceymail/token/init_record.hpp"

#include "ceymail/util/file.hpp"

namespace ceymail::token {
namespace {

constexpr const char* k_init = "init\n";
constexpr const char* k_init_settings = "init --settings\n";

}  // namespace

util::Result<std::optional<InitRecord::Succeeded>> InitRecord::read() const {
    const auto text = util::read_file(m_directory / "init", 4096);
    if (!text && text.error().kind == util::ErrorKind::not_found) return std::nullopt;
    if (!text) return std::unexpected(text.error());
    return Succeeded{.settings = *text == k_init_settings};
}

util::Result<void> InitRecord::write(Succeeded succeeded) const {
    auto done = util::replace_file(m_directory / "init", succeeded.settings ? k_init_settings : k_init);
    if (!done && done.error().kind == util::ErrorKind::not_found) return {};
    return done;
}

bool InitRecord::is_new(const std::string& message) const {
    const auto path = m_directory / "init-message";
    if (const auto last = util::read_file(path); last && *last == message + "\n") return false;
    (void)util::replace_file(path, message + "\n");
    return true;
}

}  // namespace ceymail::token
