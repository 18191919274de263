// SPDX-License-Identifier: MIT
// CapturedLog: what this process logs while it lives, instead of standard error.
#pragma once

#include <cstddef>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "ceymail/util/fd.hpp"

namespace ceymail::testing {

class CapturedLog {
public:
    CapturedLog() : m_before(::dup(STDERR_FILENO)), m_file(::memfd_create("log", MFD_CLOEXEC)) {
        ::dup2(m_file.get(), STDERR_FILENO);
    }
    ~CapturedLog() { ::dup2(m_before.get(), STDERR_FILENO); }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;

    [[nodiscard]] std::size_t count(const std::string& words) const {
        std::string text(65536, '\0');
        text.resize(static_cast<std::size_t>(::pread(m_file.get(), text.data(), text.size(), 0)));
        std::size_t found = 0;
        for (auto at = text.find(words); at != text.npos; at = text.find(words, at + 1)) ++found;
        return found;
    }

private:
    util::Fd m_before;
    util::Fd m_file;
};

}  // namespace ceymail::testing
