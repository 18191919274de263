// SPDX-License-Identifier: MIT
// One token for many hosts: `ceymail-token generate --detached` makes it, `adopt` takes its SHA-256.
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include <boost/test/unit_test.hpp>

#include <fcntl.h>

#include "ceymail/admission/token_digest.hpp"
#include "ceymail/admission/verified_token.hpp"
#include "ceymail/database/token_reader.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/util/hex.hpp"
#include "support/mariadb_server.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

const std::string k_first = util::to_hex(util::sha256("first"));
const std::string k_second = util::to_hex(util::sha256("second"));

struct Fixture : MariadbServer {
    Fixture() {
        fs::create_directory(runtime());
        std::ofstream(config()) << "database_socket = " << socket().string()
                                << "\nruntime_directory = " << runtime().string()
                                << "\nstate_directory = " << (directory() / "state").string() << "\n";
        BOOST_TEST_REQUIRE(tool({"init"}).status == 0);
    }
    fs::path runtime() const { return directory() / "run"; }
    fs::path config() const { return directory() / "tool.conf"; }
    ChildOptions command(std::vector<std::string> arguments, const std::string& input) const {
        arguments.insert(arguments.begin(), built_program("ceymail-token"));
        arguments.insert(arguments.end(), {"--config", config()});
        return {.arguments = std::move(arguments), .environment = {"TZ=UTC", "SUDO_USER="}, .input = input};
    }
    Finished tool(std::vector<std::string> arguments, const std::string& input = {}) const {
        return run(command(std::move(arguments), input));
    }
    Finished adopt(const std::string& input, std::vector<std::string> more = {}) const {
        more.insert(more.begin(), "adopt");
        return tool(more, input);
    }
    std::string active() const {
        auto rows = query("SELECT LOWER(HEX(token_sha256)) FROM ceymail_dashboard.metrics_tokens WHERE active = 1");
        while (!rows.empty() && rows.back() == '\n') rows.pop_back();
        return rows;
    }
    std::string audit() const {
        return query("SELECT action, target, detail FROM ceymail_dashboard.audit_logs ORDER BY id");
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(token_adopt)

BOOST_AUTO_TEST_CASE(generate_detached_prints_a_token_and_its_sha256_without_configuration_or_database) {
    const auto made = run({.arguments = {built_program("ceymail-token"), "generate", "--detached"}});
    BOOST_TEST(made.status == 0, made.errors);
    std::smatch parts;
    BOOST_TEST_REQUIRE(
        std::regex_match(made.output, parts, std::regex("(ceymail_metrics_[A-Za-z0-9_-]{43})\n([0-9a-f]{64})\n")));
    BOOST_TEST(parts[2] == util::to_hex(util::sha256(std::string(parts[1]))));
    BOOST_TEST(contains(made.errors, "ceymail-token adopt"), made.errors);
    BOOST_TEST(!contains(made.errors, parts[1]));
    const auto again = run({.arguments = {built_program("ceymail-token"), "generate", "--detached"}});
    BOOST_TEST(again.output != made.output);
}

BOOST_AUTO_TEST_CASE(says_that_a_detached_token_could_not_be_shown) {
    const auto lost =
        run({.arguments = {built_program("ceymail-token"), "generate", "--detached"}, .output_file = "/dev/full"});
    BOOST_TEST(lost.status == 74);
    BOOST_TEST(contains(lost.errors, "cannot write to standard output: No space left"), lost.errors);
    BOOST_TEST(!contains(lost.errors, "ceymail-token adopt"), lost.errors);
}

BOOST_AUTO_TEST_CASE(generate_detached_needs_no_root) {
    const auto made = run({.arguments = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                         built_program("ceymail-token"), "generate", "--detached"}});
    BOOST_TEST(made.status == 0, made.errors);
    BOOST_TEST(made.output.size() == 59U + 1 + 64 + 1);
}

BOOST_AUTO_TEST_CASE(generate_detached_writes_the_token_to_a_file_and_prints_the_sha256_alone) {
    const TemporaryDirectory directory;
    const auto file = (directory / "token").string();
    const auto make = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {built_program("ceymail-token"), "generate", "--detached", "--output", file});
        return run({.arguments = more});
    };
    const auto made = make({});
    BOOST_TEST_REQUIRE(made.status == 0, made.errors);
    auto token = slurp(file);
    BOOST_TEST(static_cast<unsigned>(fs::status(file).permissions()) == 0600U);
    token.pop_back();
    BOOST_TEST(made.output == util::to_hex(util::sha256(token)) + "\n");
    BOOST_TEST(make({}).status == 73);
    BOOST_TEST(slurp(file) == token + "\n");
    const auto json = make({"--force", "--json"});
    auto second = slurp(file);
    second.pop_back();
    BOOST_TEST(second != token);
    BOOST_TEST(json.output ==
               "{\"file\":\"" + file + "\",\"sha256\":\"" + util::to_hex(util::sha256(second)) + "\"}\n");
}

BOOST_AUTO_TEST_CASE(generate_detached_answers_in_json) {
    const auto made = run({.arguments = {built_program("ceymail-token"), "generate", "--detached", "--json"}});
    BOOST_TEST(std::regex_match(made.output, std::regex(R"(\{"token":"ceymail_metrics_[A-Za-z0-9_-]{43}",)"
                                                        R"("sha256":"[0-9a-f]{64}"\}\n)")),
               made.output);
}

BOOST_FIXTURE_TEST_CASE(adopt_makes_the_digest_active_and_revokes_the_one_before, Fixture) {
    const auto first = adopt(k_first + "\n");
    BOOST_TEST(first.status == 0, first.errors);
    BOOST_TEST(first.output == "");
    BOOST_TEST(first.errors == "ceymail-token: token 1, SHA-256 " + k_first.substr(0, 8) + "..., is active\n");
    BOOST_TEST(active() == k_first);
    std::string upper = k_second;
    for (char& c : upper) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
    const auto second = adopt("  " + upper + "\r\n");
    BOOST_TEST(contains(second.errors, "is active; token 1 is revoked\n"), second.errors);
    BOOST_TEST(active() == k_second);
    BOOST_TEST(audit() ==
               "metrics_token.adopt\tmetrics_tokens/1\tadopted by root\n"
               "metrics_token.adopt\tmetrics_tokens/2\tadopted by root, replaces token 1\n");
    BOOST_TEST(contains(tool({"status"}).output, "active: yes, token 2, SHA-256 " + k_second.substr(0, 8) + "...\n"));
}

BOOST_FIXTURE_TEST_CASE(the_responder_accepts_the_token_whose_digest_was_adopted, Fixture) {
    const auto made = run({.arguments = {built_program("ceymail-token"), "generate", "--detached"}});
    BOOST_TEST_REQUIRE(adopt(made.output.substr(60)).status == 0);
    database::TokenReader reader(address(), "ceymail_dashboard");
    const auto row = reader.active(util::BootClock::now() + 5s);
    BOOST_TEST_REQUIRE((row && *row));
    BOOST_TEST(((*row)->digest == util::sha256(made.output.substr(0, 59))));
}

BOOST_FIXTURE_TEST_CASE(adopt_says_so_where_the_digest_is_active_already, Fixture) {
    BOOST_TEST(adopt(k_first, {"--json"}).output == R"({"id":1,"sha256_begins":")" + k_first.substr(0, 8) +
                                                        R"(","changed":true,"replaced_id":null})"
                                                        "\n");
    const auto before = audit();
    const auto again = adopt(k_first);
    BOOST_TEST(again.status == 0);
    BOOST_TEST(contains(again.errors, "is active already; nothing was changed"), again.errors);
    BOOST_TEST(adopt(k_first, {"--json"}).output == R"({"id":1,"sha256_begins":")" + k_first.substr(0, 8) +
                                                        R"(","changed":false,"replaced_id":null})"
                                                        "\n");
    BOOST_TEST(audit() == before);
    BOOST_TEST(query("SELECT COUNT(*) FROM ceymail_dashboard.metrics_tokens") == "1\n");
}

BOOST_FIXTURE_TEST_CASE(adopt_refuses_anything_but_a_digest_and_prints_nothing_of_it, Fixture) {
    BOOST_TEST_REQUIRE(adopt(k_first).status == 0);
    const std::string token = "ceymail_metrics_" + std::string(43, 'x');
    for (const std::string& input :
         {std::string(), std::string("\n"), k_second.substr(1), k_second + "0", k_second + "  -\n", token,
          token + "\n" + k_second + "\n", k_second + "\n" + k_first + "\n", std::string(4096, 'a'),
          k_second + std::string(600, ' '), std::string(64, '\0'), "g" + k_second.substr(1)}) {
        const auto refused = adopt(input);
        BOOST_TEST_CONTEXT(input.substr(0, 70)) {
            BOOST_TEST(refused.status == 65, refused.errors);
            BOOST_TEST(contains(refused.errors, "othing was changed"), refused.errors);
            BOOST_TEST(!contains(refused.errors, "xxx"), refused.errors);
        }
    }
    BOOST_TEST(contains(adopt(token).errors, "standard input has a token, and must have the SHA-256 of one"));
    BOOST_TEST(active() == k_first);
    BOOST_TEST(tool({"adopt", k_second}).status == 64);  // never from the command line
}

// Configuration management that still has an old digest must not bring a revoked token back.
BOOST_FIXTURE_TEST_CASE(adopt_refuses_a_token_that_was_revoked_here_unless_forced, Fixture) {
    BOOST_TEST_REQUIRE(adopt(k_first).status == 0);
    BOOST_TEST_REQUIRE(tool({"revoke"}).status == 0);
    const auto refused = adopt(k_first);
    BOOST_TEST(refused.status == 65);
    BOOST_TEST(contains(refused.errors, "this is the SHA-256 of token 1, which was revoked here; nothing was changed"),
               refused.errors);
    BOOST_TEST(active() == "");
    BOOST_TEST(adopt(k_first, {"--force"}).status == 0);
    BOOST_TEST(active() == k_first);
    BOOST_TEST(contains(adopt(k_first).errors, "is active already"));
}

BOOST_FIXTURE_TEST_CASE(two_adopts_at_once_leave_one_active_token, Fixture) {
    for (int n = 0; n < 10; ++n) {
        const auto one = util::to_hex(util::sha256("one" + std::to_string(n)));
        const auto two = n % 2 == 0 ? one : util::to_hex(util::sha256("two" + std::to_string(n)));
        Finished other;
        std::jthread beside([&] { other = adopt(two); });
        const auto first = adopt(one);
        beside.join();
        BOOST_TEST(first.status == 0, first.errors);
        BOOST_TEST(other.status == 0, other.errors);
        BOOST_TEST((active() == one || active() == two));
        BOOST_TEST(query("SELECT COUNT(*) FROM ceymail_dashboard.metrics_tokens WHERE token_sha256 = UNHEX('" + one +
                         "')") == "1\n");
    }
}

BOOST_FIXTURE_TEST_CASE(adopt_makes_the_responder_forget_the_token_before, Fixture) {
    BOOST_TEST_REQUIRE(adopt(k_first).status == 0);
    auto segment = shared::Segment::attach(runtime());
    BOOST_TEST_REQUIRE(segment.has_value());
    admission::VerifiedToken verified(segment->layout().verified);
    verified.remember(util::sha256("first"), verified.begin_question());
    BOOST_TEST_REQUIRE(adopt(k_first).status == 0);  // changes nothing, and costs no grace
    BOOST_TEST(verified.within_grace(util::sha256("first"), 300s));
    BOOST_TEST_REQUIRE(adopt(k_second).status == 0);
    BOOST_TEST(!verified.within_grace(util::sha256("first"), 300s));
}

BOOST_FIXTURE_TEST_CASE(adopt_changes_nothing_without_its_audit_row, Fixture) {
    BOOST_TEST_REQUIRE(adopt(k_first).status == 0);
    query("DROP TABLE ceymail_dashboard.audit_logs");
    const auto refused = adopt(k_second);
    BOOST_TEST(refused.status == 78, refused.errors);
    BOOST_TEST(active() == k_first);
}

BOOST_FIXTURE_TEST_CASE(names_an_input_that_cannot_be_read_and_changes_nothing, Fixture) {
    BOOST_TEST_REQUIRE(adopt(k_first).status == 0);
    const util::Fd input(::open(directory().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    auto options = command({"adopt", "--force"}, "");
    options.input_fd = input.get();
    const auto failed = run(options);
    BOOST_TEST(failed.status == 70);
    BOOST_TEST(contains(failed.errors, "cannot read standard input: Is a directory"), failed.errors);
    BOOST_TEST(active() == k_first);
}

BOOST_AUTO_TEST_SUITE_END()
