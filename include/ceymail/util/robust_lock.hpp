// SPDX-License-Identifier: MIT
// RobustLock: locks a mutex in shared memory with a time-out, even if its holder was killed.
#pragma once

#include <pthread.h>

namespace ceymail::util {

// Makes the mutex robust and process-shared, pthread_mutexattr_setrobust(3).
// Requires: the mutex is not in use. Errors: throws std::system_error if the platform lacks such mutexes.
void init_robust_mutex(pthread_mutex_t& mutex);

// Holds the mutex from construction to destruction, if operator bool() is true. After the death of a holder the next
// one gets the mutex.
// Requires: the data is valid after the death of a holder at any instruction.
// Security: glibc keeps the list of held robust mutexes in the mutexes. A process that can write the memory can
// redirect writes of a process that locks it. So only processes of the same user may share it, never ceymail-token.
class RobustLock {
public:
    explicit RobustLock(pthread_mutex_t& mutex) noexcept;  // waits up to 100 ms, CLOCK_MONOTONIC
    ~RobustLock();
    RobustLock(const RobustLock&) = delete;
    RobustLock& operator=(const RobustLock&) = delete;

    explicit operator bool() const noexcept { return m_mutex != nullptr; }

private:
    pthread_mutex_t* m_mutex;
};

}  // namespace ceymail::util
