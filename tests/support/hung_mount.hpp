// SPDX-License-Identifier: MIT
// HungMount: a file system whose server never answers, as that of a dead network share.
#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <sys/mount.h>

#include "ceymail/util/fd.hpp"

namespace ceymail::testing {

// Owns the mount over the folder `path`. It is FUSE, fuse(4), and nobody reads its requests: who asks it anything
// waits until this object goes, or is killed. Needs root and /dev/fuse.
class HungMount {
public:
    [[nodiscard]] static bool possible() {
        return static_cast<bool>(util::Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC)));
    }

    explicit HungMount(std::filesystem::path path)
        : m_path(std::move(path)), m_device(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        const auto options =
            "fd=" + std::to_string(m_device.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
        if (!m_device || ::mount("hung", m_path.c_str(), "fuse.hung", 0, options.c_str()) != 0)
            throw std::system_error(errno, std::generic_category(), "cannot mount a FUSE file system");
    }
    ~HungMount() {
        m_device.reset();  // ends all that wait
        ::umount2(m_path.c_str(), MNT_DETACH);
    }
    HungMount(const HungMount&) = delete;
    HungMount& operator=(const HungMount&) = delete;

private:
    std::filesystem::path m_path;
    util::Fd m_device;
};

}  // namespace ceymail::testing
