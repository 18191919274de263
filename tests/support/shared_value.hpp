// SPDX-License-Identifier: MIT
// SharedValue: one value that a test and the children it forks see alike.
#pragma once

#include <cerrno>
#include <new>
#include <system_error>

#include <sys/mman.h>

namespace ceymail::testing {

// Owns an anonymous shared mapping with a T of zeroes in it.
template <class T>
class SharedValue {
public:
    SharedValue() {
        void* const memory = ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
        m_value = new (memory) T{};
    }
    ~SharedValue() { ::munmap(m_value, sizeof(T)); }
    SharedValue(const SharedValue&) = delete;
    SharedValue& operator=(const SharedValue&) = delete;

    [[nodiscard]] T& operator*() const noexcept { return *m_value; }
    [[nodiscard]] T* operator->() const noexcept { return m_value; }

private:
    T* m_value;
};

}  // namespace ceymail::testing
