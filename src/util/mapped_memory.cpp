// SPDX-License-Identifier: MIT
#include "ceymail/util/mapped_memory.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/mman.h>
#include <unistd.h>

namespace ceymail::util {

void MappedMemory::Unmap::operator()(std::byte* data) const noexcept { ::munmap(data, size); }

Result<MappedMemory> MappedMemory::map(int fd, std::size_t size, Access access) {
    return make(size, access == Access::read_write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd);
}

Result<MappedMemory> MappedMemory::allocate(std::size_t size) {
    return make(size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
}

void MappedMemory::keep_only(std::size_t offset, std::size_t size) noexcept {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto up = [page](std::size_t bytes) { return (bytes + page - 1) / page * page; };
    auto& mapped = m_data.get_deleter().size;
    const std::size_t begin = size == 0 ? up(mapped) : offset / page * page;
    const std::size_t end = size == 0 ? up(mapped) : up(offset + size);
    std::byte* const data = m_data.release();
    if (begin > 0) ::munmap(data, begin);
    if (end < up(mapped)) ::munmap(data + end, up(mapped) - end);
    if (size != 0) m_data.reset(data + begin);
    mapped = std::min(end, mapped) - std::min(begin, mapped);
}

Result<MappedMemory> MappedMemory::make(std::size_t size, int protection, int flags, int fd) {
    void* const address = ::mmap(nullptr, size, protection, flags, fd, 0);
    if (address == MAP_FAILED)
        return fail_errno(errno, "cannot map " + std::to_string(size) + " bytes of shared memory");
    MappedMemory memory;
    memory.m_data = {static_cast<std::byte*>(address), Unmap{size}};
    return memory;
}

}  // namespace ceymail::util
