// SPDX-License-Identifier: MIT
#include "ceymail/util/robust_lock.hpp"

#include <cerrno>
#include <system_error>

#include <time.h>

namespace ceymail::util {
namespace {

constexpr long k_lock_timeout_ns = 100'000'000;
constexpr long k_second_ns = 1'000'000'000;

timespec timeout_from_now() noexcept {
    timespec until{};
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += k_lock_timeout_ns;
    if (until.tv_nsec >= k_second_ns) {
        until.tv_nsec -= k_second_ns;
        ++until.tv_sec;
    }
    return until;
}

// Tries without a time-out first, which saves reading the clock if the mutex is free.
int lock_with_timeout(pthread_mutex_t& mutex) noexcept {
    const int tried = pthread_mutex_trylock(&mutex);
    if (tried != EBUSY) return tried;
    const timespec until = timeout_from_now();
    return pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &until);
}

bool acquire(pthread_mutex_t& mutex) noexcept {
    const int locked = lock_with_timeout(mutex);
    return locked == 0 || (locked == EOWNERDEAD && pthread_mutex_consistent(&mutex) == 0);
}

void require(int error, const char* what) {
    if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

}  // namespace

void init_robust_mutex(pthread_mutex_t& mutex) {
    pthread_mutexattr_t attributes;
    require(pthread_mutexattr_init(&attributes), "pthread_mutexattr_init");
    require(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), "pthread_mutexattr_setpshared");
    require(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), "pthread_mutexattr_setrobust");
    mutex = {};  // pthread_mutex_init() requires a mutex that is not initialized
    require(pthread_mutex_init(&mutex, &attributes), "pthread_mutex_init");
    pthread_mutexattr_destroy(&attributes);
}

RobustLock::RobustLock(pthread_mutex_t& mutex) noexcept : m_mutex(acquire(mutex) ? &mutex : nullptr) {}

RobustLock::~RobustLock() {
    if (m_mutex != nullptr) pthread_mutex_unlock(m_mutex);
}

}  // namespace ceymail::util
