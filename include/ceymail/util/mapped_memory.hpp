// SPDX-License-Identifier: MIT
// MappedMemory: a mapping shared between processes, with RAII.
#pragma once

#include <cstddef>
#include <memory>

#include "ceymail/util/result.hpp"

namespace ceymail::util {

enum class Access { read_only, read_write };

// Owns one mmap(2) of MAP_SHARED. Move only.
class MappedMemory {
public:
    // Maps the first `size` bytes of `fd`, which may be closed afterwards.
    // Requires: the file has them allocated. Access to a hole on a full tmpfs raises SIGBUS.
    [[nodiscard]] static Result<MappedMemory> map(int fd, std::size_t size, Access access);

    // Maps anonymous zeros, for this process and its children. Errors: exhausted: no memory.
    [[nodiscard]] static Result<MappedMemory> allocate(std::size_t size);

    // Unmaps, in this process, all pages without these bytes; with size 0 all. The address stays the same.
    // Security: code can map other pages of the file again from what is left, by remap_file_pages(2) and mremap(2). The
    // caller must call system::forbid_remapping() too.
    void keep_only(std::size_t offset, std::size_t size) noexcept;

    [[nodiscard]] std::byte* data() const noexcept { return m_data.get(); }
    [[nodiscard]] std::size_t size() const noexcept { return m_data.get_deleter().size; }
    explicit operator bool() const noexcept { return m_data != nullptr; }

private:
    [[nodiscard]] static Result<MappedMemory> make(std::size_t size, int protection, int flags, int fd);

    struct Unmap {
        std::size_t size;
        void operator()(std::byte* data) const noexcept;
    };
    std::unique_ptr<std::byte, Unmap> m_data;
};

}  // namespace ceymail::util
