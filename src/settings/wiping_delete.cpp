// SPDX-License-Identifier: MIT
// operator delete for ceymail-settings wipes memory before it is freed. The strings that compose a page with a token
// grow and move, and each old buffer would keep a part of the token.
#include <cstddef>
#include <cstdlib>
#include <new>

#include <malloc.h>
#include <openssl/crypto.h>

// Source: [new.delete.single]: these are replaced together. The array forms call them.
void* operator new(std::size_t size) {
    if (void* const memory = std::malloc(size != 0 ? size : 1)) return memory;
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
    if (memory != nullptr) OPENSSL_cleanse(memory, ::malloc_usable_size(memory));
    std::free(memory);
}

void operator delete(void* memory, std::size_t /*size*/) noexcept { ::operator delete(memory); }
