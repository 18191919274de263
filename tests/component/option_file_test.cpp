// SPDX-License-Identifier: MIT
// read_password() against the client library's own reading of option files.
#include "ceymail/database/option_file.hpp"

#include <chrono>
#include <fstream>

#include <mariadb/mysql.h>
#include <boost/test/unit_test.hpp>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/double_close_guard.hpp"
#include "ceymail/database/native_password.hpp"
#include "support/mariadb_server.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

struct Fixture : MariadbServer {
    Fixture() { query("CREATE USER reader@localhost"); }
    std::filesystem::path file() const { return directory() / "reader.cnf"; }
    void write(const std::string& text) const {
        std::ofstream(file()) << text;
        std::filesystem::permissions(file(), std::filesystem::perms{0600});
    }
    // An empty password where there is none.
    std::string ours() const {
        const auto read = database::read_password(file());
        if (!read) BOOST_TEST((read.error().kind == util::ErrorKind::invalid), read.error().message);
        return read ? std::string(read->reveal()) : "";
    }
    void set(const std::string& password) const {
        query("ALTER USER reader@localhost IDENTIFIED BY PASSWORD '" +
              (password.empty() ? "" : database::native_password_hash(password)) + "'");
    }
    std::string the_librarys_login() const {
        database::DoubleCloseGuard double_close_guard;
        MYSQL* const session = mysql_init(nullptr);
        mysql_options(session, MYSQL_READ_DEFAULT_FILE, file().c_str());
        mysql_options(session, MYSQL_READ_DEFAULT_GROUP, "client");
        std::string error;
        if (mysql_real_connect(session, "localhost", "reader", nullptr, nullptr, 0, socket().c_str(), 0) == nullptr)
            error = mysql_error(session);
        mysql_close(session);
        return error;
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(option_file)

BOOST_FIXTURE_TEST_CASE(is_read_as_the_client_library_reads_it, Fixture) {
    const char* const values[] = {
        // Backslashes
        R"(a\b)", R"(a\\b)", R"(C:\new\table)", R"(\s\s)", R"(a\sb\tc)", R"(a\qb)", R"(end\)", R"(end\\)", R"(\)",
        R"("end\")", R"('a\'b')", R"("a\"b")", R"(a\"b)", R"(\n\r\b)", R"(\\\\s)",
        // Quotes
        R"("quoted")", R"('quoted')", R"("mixed')", R"('mixed")", R"("open)", R"(close")", R"(mid"dle)", R"("")",
        R"(")", R"("  inside  ")", R"('"')", R"("a'b"c")",
        // Comment characters and blanks
        "a#b", "#ab", "a #b", "a;b", ";ab", R"("a#b")", "a  b", "  a", "a  ", "\ta\t", "a=b", "=a", "a\r", "a[b]",
        "\xC3\xA9\xE2\x82\xAC", "$a`b%c", "!include", "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19"};
    for (const std::string value : values) {
        write("[client]\npassword=" + value + "\n");
        const auto read = ours();
        set(read);
        const auto refused = the_librarys_login();
        BOOST_TEST(refused == "", "password=" << value << " is read as <" << read << ">: " << refused);
        set(read + "x");
        BOOST_TEST(the_librarys_login() != "", value);  // or a login would prove nothing
    }
}

BOOST_FIXTURE_TEST_CASE(has_the_lines_and_groups_that_the_client_library_knows, Fixture) {
    const char* const files[] = {
        "[client]\n password = spaced\n",
        "[client]\npassword=first\npassword=last\n",
        "[client]\npassword=right\n[mysqldump]\npassword=wrong\n",
        "[mysqld]\npassword=wrong\n[client]\npassword=right\n",
        "[client-server]\npassword=right\n",
        "[client-mariadb]\npassword=right\n",
        "[client]\npassword=first\n[client-mariadb]\npassword=last\n",
        "[client]\npassword=right",
        "  [client]\r\npassword=right\r\n",
        "[client ]\npassword=right\n",
        "[ client]\npassword=wrong\n",
        "[Client]\npassword=wrong\n",
        "password=wrong\n[client]\npassword=wrong\n",
        "# words\n\n;words\n[client]\n#password=wrong\npassword=right\n",
        "[client]\nuser=x\npasswd=right\npassword\n",
        "[client]\nPassword=wrong\n",
        "[client]\npassword=right\n'password=wrong\n",
        "[client]\npassword=right\n[broken\npassword=wrong\n",
        "[client]\npassword=right\npassword=\n",
        "\xEF\xBB\xBF[client]\npassword=wrong\n",
        "",
    };
    for (const std::string text : files) {
        write(text);
        const auto read = ours();
        BOOST_TEST(read != "wrong", text);
        set(read);
        const auto refused = the_librarys_login();
        BOOST_TEST(refused == "", text << " is read as <" << read << ">: " << refused);
    }
}

BOOST_FIXTURE_TEST_CASE(one_without_a_password_is_named_with_the_remedy, Fixture) {
    write("[client]\nuser=x\n");
    const auto read = database::read_password(file());
    BOOST_TEST_REQUIRE(!read.has_value());
    BOOST_TEST(read.error().message == file().string() +
                                           " has no password in its [client] group; add a line "
                                           "password=..., or remove the file to have one made");
}

BOOST_AUTO_TEST_SUITE_END()
