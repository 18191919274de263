// SPDX-License-Identifier: MIT
#include "ceymail/util/fd.hpp"

#include <cerrno>

#include <unistd.h>

namespace ceymail::util {

void Fd::reset(int fd) noexcept {
    if (m_fd >= 0) {
        const int saved = errno;
        ::close(m_fd);  // never tried again on EINTR: Linux has let go of the number by then, close(2)
        errno = saved;
    }
    m_fd = fd;
}

}  // namespace ceymail::util
