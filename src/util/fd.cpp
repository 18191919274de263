// SPDX-License-Identifier: MIT
#include "ceymail/util/fd.hpp"

#include <cerrno>

#include <unistd.h>

namespace ceymail::util {

void Fd::reset(int fd) noexcept {
    if (m_fd >= 0) {
        const int saved = errno;
        ::close(m_fd);  // not repeated on EINTR: Linux has already closed it, close(2)
        errno = saved;
    }
    m_fd = fd;
}

}  // namespace ceymail::util
