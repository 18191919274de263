// SPDX-License-Identifier: MIT
#include "ceymail/util/unix_socket.hpp"

#include <cstring>

namespace ceymail::util {

Result<sockaddr_un> unix_address(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path)
        return fail(ErrorKind::invalid, path.string() +
                                            " is too long for the name of a socket; name a shorter directory by "
                                            "runtime_directory =");
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    return address;
}

int connect_unix(int fd, const sockaddr_un& address) noexcept {
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

int bind_unix(int fd, const sockaddr_un& address) noexcept {
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

}  // namespace ceymail::util
