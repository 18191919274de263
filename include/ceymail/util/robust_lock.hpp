// SPDX-License-Identifier: MIT
// RobustLock: holds a mutex in shared memory, for a bounded wait, whoever died holding it.
#pragma once

#include <pthread.h>

namespace ceymail::util {

// Makes the mutex robust and process-shared, pthread_mutexattr_setrobust(3). Requires that nobody uses it.
// Throws std::system_error: the platform lacks such mutexes.
void init_robust_mutex(pthread_mutex_t& mutex);

// Owns the mutex from construction to destruction, if it could be had: ask before touching what it guards.
// A holder that died hands the mutex on; what it guards must be such that it needs no repair then.
// SECURITY: glibc keeps the list of held robust mutexes in the mutexes themselves, so whoever can write the memory
// can steer the writes of whoever locks it. Only processes of the same user may meet here, never ceymail-token.
class RobustLock {
public:
    explicit RobustLock(pthread_mutex_t& mutex) noexcept;  // waits no longer than 100 ms, CLOCK_MONOTONIC
    ~RobustLock();
    RobustLock(const RobustLock&) = delete;
    RobustLock& operator=(const RobustLock&) = delete;

    explicit operator bool() const noexcept { return m_mutex != nullptr; }

private:
    pthread_mutex_t* m_mutex;
};

}  // namespace ceymail::util
