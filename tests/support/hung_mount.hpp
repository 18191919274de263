// SPDX-License-Identifier: MIT
// HungMount: a file system whose server never answers, as that of a dead network share.
#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <unistd.h>

#include "ceymail/util/fd.hpp"

namespace ceymail::testing {

// Owns the mount over the directory `path`. It is FUSE, fuse(4), and nobody reads its requests: who asks it anything
// waits until this object goes, or is killed. Needs root and /dev/fuse.
class HungMount {
public:
    // taken: its requests are read and never answered. A process that waits for such an answer cannot be killed.
    enum class Requests { left, taken };

    [[nodiscard]] static bool possible() {
        return static_cast<bool>(util::Fd(::open("/dev/fuse", O_RDWR | O_CLOEXEC)));
    }

    explicit HungMount(std::filesystem::path path, Requests requests = Requests::left)
        : m_path(std::move(path)), m_device(::open("/dev/fuse", O_RDWR | O_CLOEXEC)) {
        const auto options =
            "fd=" + std::to_string(m_device.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
        if (!m_device || ::mount("hung", m_path.c_str(), "fuse.hung", 0, options.c_str()) != 0)
            throw std::system_error(errno, std::generic_category(), "cannot mount a FUSE file system");
        if (requests == Requests::left) return;
        begin();
        m_taker = std::jthread([this](const std::stop_token& stop) {
            while (!stop.stop_requested()) take_request(std::chrono::milliseconds(20));
        });
    }
    ~HungMount() {
        m_taker = {};
        m_device.reset();  // ends all that wait
        ::umount2(m_path.c_str(), MNT_DETACH);
    }
    HungMount(const HungMount&) = delete;
    HungMount& operator=(const HungMount&) = delete;

    // From here on who asks waits for the answer of a server that has begun: not even SIGKILL ends that. Takes part in
    // the beginning of the mount, and then one request after the other by take_request().
    void begin() {
        fuse_init_in init{};
        const auto unique = take(&init, sizeof init);
        struct {
            fuse_out_header header{};
            fuse_init_out init{};
        } answer;
        answer.header = {sizeof answer, 0, unique};
        answer.init.major = FUSE_KERNEL_VERSION;
        answer.init.minor = init.minor;
        answer.init.max_write = 4096;
        if (::write(m_device.get(), &answer, sizeof answer) != sizeof answer)
            throw std::system_error(errno, std::generic_category(), "cannot begin a FUSE file system");
    }

    // Waits for the next request, and never answers it. False when none comes in time.
    bool take_request(std::chrono::milliseconds patience = std::chrono::seconds(10)) {
        pollfd request{m_device.get(), POLLIN, 0};
        return ::poll(&request, 1, static_cast<int>(patience.count())) == 1 && take(nullptr, 0) != 0;
    }

private:
    // Returns its number.
    std::uint64_t take(void* body, std::size_t size) {
        std::array<char, FUSE_MIN_READ_BUFFER + 4096> buffer{};
        fuse_in_header header{};
        if (::read(m_device.get(), buffer.data(), buffer.size()) < static_cast<ssize_t>(sizeof header + size))
            throw std::system_error(errno, std::generic_category(), "cannot read a request of a FUSE file system");
        std::memcpy(&header, buffer.data(), sizeof header);
        if (size != 0) std::memcpy(body, buffer.data() + sizeof header, size);
        return header.unique;
    }

    std::filesystem::path m_path;
    util::Fd m_device;
    std::jthread m_taker{};
};

}  // namespace ceymail::testing
