// SPDX-License-Identifier: MIT
#define BOOST_TEST_MODULE component
#include <boost/test/unit_test.hpp>
