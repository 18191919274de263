// SPDX-License-Identifier: MIT
#include "ceymail/util/robust_lock.hpp"

#include <cerrno>
#include <chrono>
#include <system_error>

#include <time.h>

#include "ceymail/util/clock.hpp"

namespace ceymail::util {
namespace {

constexpr auto k_lock_timeout = std::chrono::milliseconds(100);

bool acquire(pthread_mutex_t& mutex) noexcept {
    int locked = pthread_mutex_trylock(&mutex);  // saves reading the clock if the mutex is free
    if (locked == EBUSY) {
        const auto until = (AwakeClock::now() + k_lock_timeout).time_since_epoch();
        const auto seconds = std::chrono::floor<std::chrono::seconds>(until);
        const timespec time{seconds.count(), (until - seconds).count()};
        locked = pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &time);
    }
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
