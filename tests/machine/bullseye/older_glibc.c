// SPDX-License-Identifier: MIT
// What the C++ library of Debian 12 takes from its glibc, and glibc 2.31 of Debian 11 does not have.
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

// glibc 2.32: 0 lets reference counts be atomic from the start.
char __libc_single_threaded = 0;

// glibc 2.36: std::random_device.
uint32_t arc4random(void) {
    uint32_t number;
    if (getentropy(&number, sizeof number) != 0) abort();
    return number;
}
