// SPDX-License-Identifier: MIT
// server_error(): the kind, text and remedy of each error number, and never a value.
#include "ceymail/database/server_error.hpp"

#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/database/statement.hpp"

using namespace ceymail;
using util::ErrorKind;

BOOST_AUTO_TEST_SUITE(server_error)

BOOST_AUTO_TEST_CASE(sorts_and_words_each_kind) {
    const struct {
        const char* label;
        unsigned code;
        const char* words;
        ErrorKind kind;
        const char* message;
    } cases[] = {
        {"no socket", 2002, "Can't connect to local server through socket '/s' (2)", ErrorKind::unavailable,
         "cannot reach MariaDB at /s: No such file or directory; start it with: systemctl start mariadb"},
        {"nobody listens", 2002, "Can't connect to local server through socket '/s' (111)", ErrorKind::unavailable,
         "cannot reach MariaDB at /s: Connection refused; start it with: systemctl start mariadb"},
        {"words without errno", 2002, "Can't connect (somehow)", ErrorKind::unavailable,
         "cannot reach MariaDB at /s: Can't connect (somehow) (error 2002); start it with: systemctl start mariadb"},
        {"gone", 2006, "Server has gone away", ErrorKind::unavailable,
         "MariaDB at /s, asking: Server has gone away (error 2006); start it with: systemctl start mariadb"},
        {"refused", 1045, "Access denied", ErrorKind::denied,
         "MariaDB at /s, asking: Access denied (error 1045); set up the account and its grants with: sudo "
         "ceymail-token init"},
        {"no table", 1146, "No table", ErrorKind::not_found,
         "MariaDB at /s, asking: No table (error 1146); run: ceymail-token init"},
        {"duplicate, which quotes", 1062, "Duplicate entry 'secret'", ErrorKind::conflict,
         "MariaDB at /s, asking: error 1062; try again"},
        {"syntax, which quotes", 1064, "near 'secret'", ErrorKind::internal, "MariaDB at /s, asking: error 1064"},
        {"deadlock", 1213, "Deadlock", ErrorKind::conflict, "MariaDB at /s, asking: Deadlock (error 1213); try again"},
        {"snapshot", 1020, "Record has changed", ErrorKind::conflict,
         "MariaDB at /s, asking: Record has changed (error 1020); try again"},
        {"unknown", 1999, "Whatever", ErrorKind::internal, "MariaDB at /s, asking: Whatever (error 1999)"},
        {"no words", 1999, "", ErrorKind::internal, "MariaDB at /s, asking: error 1999"},
    };
    for (const auto& c : cases) {
        const auto error = database::server_error("/s", "asking", c.code, c.words);
        BOOST_TEST_CONTEXT(c.label) {
            BOOST_TEST((error.kind == c.kind));
            BOOST_TEST(error.code == static_cast<int>(c.code));
            BOOST_TEST(error.message == c.message);
        }
    }
}

// `ceymail-token init` makes no table of CeyMail, so its name alone would lead nowhere.
BOOST_AUTO_TEST_CASE(the_remedy_for_a_table_of_ceymail_replaces_the_general_one) {
    const auto with_remedy = [](unsigned code, const char* words) {
        return database::with_remedy_for_missing(database::server_error("/s", "asking", code, words), "run CeyMail's")
            .message;
    };
    BOOST_TEST(with_remedy(1146, "No table") == "MariaDB at /s, asking: No table (error 1146); run CeyMail's");
    BOOST_TEST(with_remedy(1054, "No column") == "MariaDB at /s, asking: No column (error 1054); run CeyMail's");
    BOOST_TEST(with_remedy(1049, "No database") == "MariaDB at /s, asking: No database (error 1049); run CeyMail's");
    BOOST_TEST(with_remedy(1213, "Deadlock") == "MariaDB at /s, asking: Deadlock (error 1213); try again");
    BOOST_TEST(with_remedy(1999, "") == "MariaDB at /s, asking: error 1999");
}

// The grace applies while MariaDB cannot work, and not where an administrator must repair something.
BOOST_AUTO_TEST_CASE(distinguishes_an_outage_from_what_is_denied_missing_or_wrong) {
    const struct {
        const char* label;
        ErrorKind kind;
        std::vector<unsigned> codes;
    } groups[] = {
        {"not to be reached",
         ErrorKind::unavailable,
         {2001, 2002, 2003, 2004, 2005, 2006, 2008, 2012, 2013, 2055, 5013}},
        {"closes the connection",
         ErrorKind::unavailable,
         {1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 4031}},
        {"no connection to be had", ErrorKind::unavailable, {1040, 1042, 1043, 1129, 1135, 1203, 1226}},
        {"out of a resource",
         ErrorKind::unavailable,
         {1016, 1021, 1024, 1026, 1030, 1037, 1038, 1041, 1114, 1206, 1461, 1615, 1637}},
        {"interrupted", ErrorKind::unavailable, {1317}},
        {"Galera", ErrorKind::unavailable, {1047, 1180}},
        {"too slow", ErrorKind::timed_out, {1969}},
        {"another was first", ErrorKind::conflict, {1020, 1205, 1213}},
        {"denied", ErrorKind::denied, {1044, 1045, 1130, 1142, 1143, 1227, 1698}},
        {"missing", ErrorKind::not_found, {1049, 1054, 1146}},
        {"to be mended", ErrorKind::internal, {1064, 1194, 1290, 1836, 1932, 2014}},
    };
    for (const auto& group : groups)
        for (const auto code : group.codes) {
            const auto error = database::server_error("/s", "asking", code, "Words");
            BOOST_TEST((error.kind == group.kind), group.label << ": " << code);
            BOOST_TEST((group.kind == ErrorKind::internal || error.message.contains("; ")), "no remedy: " << code);
        }
}

BOOST_AUTO_TEST_CASE(knows_which_errors_end_a_session) {
    for (const unsigned code : {2006U, 2013U, 2014U, 2026U, 5012U, 1053U, 1080U, 1159U, 1184U, 1927U, 4031U})
        BOOST_TEST(database::ends_session(code), code);
    for (const unsigned code : {0U, 1045U, 1047U, 1062U, 1146U, 1205U, 1213U, 1317U, 1461U, 1969U})
        BOOST_TEST(!database::ends_session(code), code);
}

// A view of a longer text: the rest is not read.
BOOST_AUTO_TEST_CASE(reads_no_further_than_the_words_that_it_is_given) {
    const std::string_view words("Can't connect (13)");
    const auto error = database::server_error("/socket", "connecting", 2002, words.substr(0, words.size() - 1));
    BOOST_TEST(!error.message.contains("Permission denied"), error.message);
    BOOST_TEST(database::server_error("/socket", "connecting", 2002, words).message.contains("Permission denied"));
}

BOOST_AUTO_TEST_CASE(quotes_names_and_texts_so_that_none_ends_early) {
    BOOST_TEST(database::quote_name("plain") == "`plain`");
    BOOST_TEST(database::quote_name("a`b\\c'd") == "`a``b\\c'd`");
    BOOST_TEST(database::quote_text("o'clock\\") == "'o''clock\\\\'");
}

// Source: errmsg.h of libmariadb, CR_MIN_ERROR to CR_MAX_ERROR and CER_MIN_ERROR to CER_MAX_ERROR.
BOOST_AUTO_TEST_CASE(an_error_of_the_client_library_ends_the_session_and_its_neighbours_do_not) {
    for (const unsigned code : {2000U, 2001U, 2999U, 5000U, 5001U, 5999U})
        BOOST_TEST(database::ends_session(code), code);
    for (const unsigned code : {0U, 1999U, 3000U, 4999U, 6000U}) BOOST_TEST(!database::ends_session(code), code);
}

BOOST_AUTO_TEST_SUITE_END()
