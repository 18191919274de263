// SPDX-License-Identifier: MIT
// Html: whatever a text holds, it stays a text.
#include <string>
#include <type_traits>

#include <boost/test/unit_test.hpp>

#include "ceymail/page/html.hpp"
#include "ceymail/page/utf8.hpp"

namespace {

using namespace ceymail::page;

// Only a literal can be markup: what is put together at run time does not convert.
static_assert(!std::is_convertible_v<std::string, Markup<>>);
static_assert(!std::is_constructible_v<Html, std::string>);
static_assert(!std::is_constructible_v<Html, const char*>);

BOOST_AUTO_TEST_SUITE(page_html)

BOOST_AUTO_TEST_CASE(escapes_every_text) {
    const struct {
        const char* label;
        std::string in;
        std::string want;
    } cases[] = {
        {"plain", "amal@example.com", "amal@example.com"},
        {"an element", "<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"the end of a value", "\" onload=\"x", "&quot; onload=&quot;x"},
        {"the other quote", "' onload='x", "&#39; onload=&#39;x"},
        {"a reference", "&lt;", "&amp;lt;"},
        {"Sinhala", "\xE0\xB6\x85\xE0\xB6\xB8\xE0\xB6\xBD\xE0\xB7\x8A",
         "\xE0\xB6\x85\xE0\xB6\xB8\xE0\xB6\xBD\xE0\xB7\x8A"},
        {"a control character", std::string("a\0b\x1B[c", 6),
         "a\xEF\xBF\xBD"
         "b\xEF\xBF\xBD[c"},
        {"a stray byte", "a\xFF<", "a\xEF\xBF\xBD&lt;"},
        {"overlong <", "\xC0\xBC", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"a character cut short", "\xE2\x82", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"a surrogate", "\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"right to left",
         "a\xE2\x80\xAE"
         "b",
         "a\xEF\xBF\xBD"
         "b"},
        {"lines", "a\n\tb", "a\n\tb"},
    };
    for (const auto& c : cases) BOOST_TEST(html("{}", c.in).text() == c.want, c.label);
}

BOOST_AUTO_TEST_CASE(keeps_html_as_it_is_and_numbers_readable) {
    const Html inner = html("<b>{}</b>", "x<y");
    BOOST_TEST(html("<p title=\"{}\">{}{}</p>", "a\"b", inner, 42U).text() ==
               "<p title=\"a&quot;b\"><b>x&lt;y</b>42</p>");
    BOOST_TEST(html("{}", "{}").text() == "{}");  // a text with a hole in it is no markup
}

BOOST_AUTO_TEST_CASE(knows_printable_texts) {
    for (const char* text : {"", "amal", "CN=Amal Perera,O=Ex", "\xF0\x9F\x99\x82"})
        BOOST_TEST(is_printable(text), text);
    for (const std::string text : {"a\nb", "a\rb", "\x7F", "\xC2\x85", "\xFF", "\xF4\x90\x80\x80"})
        BOOST_TEST(!is_printable(text));
}

BOOST_AUTO_TEST_CASE(a_text_without_bytes_has_no_character) { BOOST_TEST(character_size("") == 0U); }

BOOST_AUTO_TEST_CASE(control_characters_begin_and_end_where_unicode_has_them) {
    // Those that turn the direction of text too: a name could show as another one.
    for (const char* const control :
         {"\x01", "\x1F", "\x7F", "\u0080", "\u009F", "\u202A", "\u202E", "\u2066", "\u2069"})
        BOOST_TEST(!ceymail::page::is_printable(control),
                   "control " << static_cast<int>(static_cast<unsigned char>(control[0])));
    for (const char* const other : {" ", "~", "\u00A0", "\u2029", "\u202F", "\u2065", "\u206A"})
        BOOST_TEST(ceymail::page::is_printable(other), other);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
