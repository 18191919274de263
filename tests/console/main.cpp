// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE console
#include <boost/test/unit_test.hpp>
