// SPDX-License-Identifier: MIT
#include "ceymail/util/mapped_memory.hpp"

#include <cerrno>
#include <utility>

#include <sys/mman.h>

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
