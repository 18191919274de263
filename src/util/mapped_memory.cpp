// SPDX-License-Identifier: MIT
#include "ceymail/util/mapped_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace ceymail::util {

MappedMemory::MappedMemory(MappedMemory&& other) noexcept
    : m_data(std::exchange(other.m_data, nullptr)), m_size(std::exchange(other.m_size, 0)) {}

MappedMemory& MappedMemory::operator=(MappedMemory&& other) noexcept {
    std::swap(m_data, other.m_data);
    std::swap(m_size, other.m_size);
    return *this;
}

MappedMemory::~MappedMemory() {
    if (m_data != nullptr) ::munmap(m_data, m_size);
}

Result<MappedMemory> MappedMemory::map(int fd, std::size_t size, Access access) {
    return make(size, access == Access::read_write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd);
}

Result<MappedMemory> MappedMemory::allocate(std::size_t size) {
    return make(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
}

void MappedMemory::keep_only(std::size_t offset, std::size_t size) noexcept {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto up = [page](std::size_t bytes) { return (bytes + page - 1) / page * page; };
    const std::size_t begin = size == 0 ? up(m_size) : offset / page * page;
    const std::size_t end = size == 0 ? up(m_size) : up(offset + size);
    if (begin > 0) ::munmap(m_data, begin);
    if (end < up(m_size)) ::munmap(m_data + end, up(m_size) - end);
    m_data = size == 0 ? nullptr : m_data + begin;
    m_size = std::min(end, m_size) - std::min(begin, m_size);
}

Result<MappedMemory> MappedMemory::make(std::size_t size, int protection, int flags, int fd) {
    void* const address = ::mmap(nullptr, size, protection, flags, fd, 0);
    if (address == MAP_FAILED)
        return fail_errno(errno, "cannot map " + std::to_string(size) + " bytes of shared memory");
    MappedMemory memory;
    memory.m_data = static_cast<std::byte*>(address);
    memory.m_size = size;
    return memory;
}

}  // namespace ceymail::util
