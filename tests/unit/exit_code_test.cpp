// SPDX-License-Identifier: MIT
// The exit codes of errors, as ceymail-metrics(8) lists them.
#include <cerrno>

#include <boost/test/unit_test.hpp>

#include "ceymail/system/exit_code.hpp"
#include "ceymail/util/result.hpp"

using namespace ceymail;
using util::ErrorKind;

BOOST_AUTO_TEST_SUITE(exit_code)

BOOST_AUTO_TEST_CASE(is_that_of_the_manual_page_for_each_kind_of_error) {
    struct Case {
        const char* label;
        ErrorKind kind;
        int want;
    };
    for (const auto& [label, kind, want] : {
             Case{"a key names what is not there", ErrorKind::not_found, 78},
             Case{"a wrong value", ErrorKind::invalid, 78},
             Case{"permission denied", ErrorKind::denied, 77},
             Case{"a time-out", ErrorKind::timed_out, 75},
             Case{"not reachable", ErrorKind::unavailable, 69},
             Case{"in use by another program", ErrorKind::conflict, 69},
             Case{"a resource of the system is exhausted", ErrorKind::exhausted, 71},
             Case{"an internal error", ErrorKind::internal, 70},
         })
        BOOST_TEST(system::exit_code_of(kind) == want, label);
}

BOOST_AUTO_TEST_CASE(of_a_failed_system_call_is_that_of_its_cause) {
    struct Case {
        int error;
        int want;
    };
    for (const auto& [error, want] :
         {Case{ENOENT, 78}, Case{ENOTDIR, 78},  Case{EINVAL, 78},    Case{ENAMETOOLONG, 78}, Case{EACCES, 77},
          Case{EPERM, 77},  Case{ELOOP, 77},    Case{ETIMEDOUT, 75}, Case{ECONNREFUSED, 69}, Case{ECONNRESET, 69},
          Case{EPIPE, 69},  Case{ENOTCONN, 69}, Case{EEXIST, 69},    Case{EADDRINUSE, 69},   Case{EBUSY, 69},
          Case{EMFILE, 71}, Case{ENFILE, 71},   Case{ENOMEM, 71},    Case{ENOSPC, 71},       Case{EDQUOT, 71},
          Case{EAGAIN, 71}, Case{EIO, 70}})
        BOOST_TEST(system::exit_code_of(util::kind_of_errno(error)) == want, "errno " << error);
}

BOOST_AUTO_TEST_SUITE_END()
