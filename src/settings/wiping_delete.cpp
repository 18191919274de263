// SPDX-License-Identifier: MIT
// operator delete for ceymail-settings: what was allocated is wiped before it is freed. A page that shows a token is
// put together of strings that grow and move, and each place that they leave would keep a part of it.
#include <cstddef>
#include <cstdlib>
#include <new>

#include <malloc.h>
#include <openssl/crypto.h>

// Replaced together, [new.delete.single]; the forms for arrays and with a size lead here.
void* operator new(std::size_t size) {
    if (void* const memory = std::malloc(size != 0 ? size : 1)) return memory;
    throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
    if (memory != nullptr) OPENSSL_cleanse(memory, ::malloc_usable_size(memory));
    std::free(memory);
}

void operator delete(void* memory, std::size_t /*size*/) noexcept { ::operator delete(memory); }
