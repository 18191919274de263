// SPDX-License-Identifier: MIT
// Counters in words: "recipients lmtp sent; stage before_queue 0.04", for tables of tests.
#pragma once

#include <string>

#include "ceymail/maillog/counters.hpp"

namespace ceymail::testing {

// Every counter that is not 0, in the order of Counters, with its value where that is not 1. Neither the lines of each
// daemon nor times and senders.
std::string describe(const maillog::Counters& counters);

}  // namespace ceymail::testing
