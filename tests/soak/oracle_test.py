# SPDX-License-Identifier: MIT
"""That the oracle notices: a right answer with one thing wrong in it, for each thing that it judges."""

import time
import unittest

from book import Book, Steps
from exposition import Exposition, Malformed
from oracle import Oracle, memory_total

TOKEN, OLD_TOKEN = "t" * 43, "o" * 43
LINES = 'ceymail_mail_log_lines_total{daemon="postfix"}'
GOOD = {"X-CeyMail-Metrics": "1"}
TEXT = f"""\
# HELP ceymail_cpu_total_jiffies Time.
# TYPE ceymail_cpu_total_jiffies counter
ceymail_cpu_total_jiffies 5000
# HELP ceymail_memory_total_bytes Memory.
# TYPE ceymail_memory_total_bytes gauge
ceymail_memory_total_bytes {memory_total()}
# HELP ceymail_queue_active Messages.
# TYPE ceymail_queue_active gauge
ceymail_queue_active 7
# HELP ceymail_aliases_total Aliases.
# TYPE ceymail_aliases_total gauge
ceymail_aliases_total 3
# HELP ceymail_service_up Services.
# TYPE ceymail_service_up gauge
ceymail_service_up{{name="mariadb"}} 1
ceymail_service_up{{name="nginx"}} 1
# HELP ceymail_collector_success Collectors.
# TYPE ceymail_collector_success gauge
ceymail_collector_success{{collector="queue"}} 1
# HELP ceymail_mail_log_lines_total Lines.
# TYPE ceymail_mail_log_lines_total counter
{LINES} 100
# HELP ceymail_mail_expired_total Expired.
# TYPE ceymail_mail_expired_total counter
ceymail_mail_expired_total 0
# HELP ceymail_mail_delivery_delay_seconds Delays.
# TYPE ceymail_mail_delivery_delay_seconds histogram
ceymail_mail_delivery_delay_seconds_bucket{{le="1"}} 4
ceymail_mail_delivery_delay_seconds_bucket{{le="+Inf"}} 6
ceymail_mail_delivery_delay_seconds_sum 9.5
ceymail_mail_delivery_delay_seconds_count 6
# HELP ceymail_snapshot_age_seconds Age.
# TYPE ceymail_snapshot_age_seconds gauge
ceymail_snapshot_age_seconds 0.1
# HELP ceymail_database_up Database.
# TYPE ceymail_database_up gauge
ceymail_database_up 1
# HELP ceymail_auth_stale Stale.
# TYPE ceymail_auth_stale gauge
ceymail_auth_stale 0
# HELP ceymail_requests_total Answers.
# TYPE ceymail_requests_total counter
ceymail_requests_total{{code="200"}} 4
"""


def steps(*changes):
    made = Steps()
    for moment, value in changes:
        made.times.append(moment)
        made.values.append(value)
    return made


class OracleTest(unittest.TestCase):
    """The clock starts an hour ago: all that the book has is settled, but for what a case does."""

    def setUp(self):
        self.now = time.monotonic()
        self.book = Book()
        self.book.valid = {TOKEN: [self.now - 3000, float("inf"), float("inf")],
                           OLD_TOKEN: [self.now - 3600, self.now - 3001, self.now - 3000]}
        self.book.token = TOKEN
        self.book.begun = {LINES: steps((self.now - 100, 90), (self.now - 2, 100))}
        self.book.written = {LINES: steps((self.now - 99, 90), (self.now - 1.9, 100))}
        self.book.gauges = {"ceymail_queue_active": steps((self.now - 100, 7)), "ceymail_aliases_total": steps((self.now - 100, 3))}
        self.book.requests.answered = {200: 4}
        self.oracle = Oracle(self.book)
        self.assertEqual(self.judge(), [])

    def judge(self, text=TEXT, status=200, token=TOKEN, headers=None, address="127.0.0.1", took=0.1):
        return self.oracle.judge(address, token, self.now, self.now + took, {200: 4}, status, headers or GOOD, text)

    def finds(self, words, **answer):
        found = self.judge(**answer)
        self.assertTrue(any(words in fault for fault in found), f"{words!r} is not in {found}")

    def finds_in(self, right, wrong, words):
        self.assertIn(right, TEXT)
        self.finds(words, text=TEXT.replace(right, wrong))

    def away(self, begin, end=float("inf")):
        self.book.database_away.spans.append([self.now + begin, self.now + end])

    # --- statuses ---

    def test_a_status_that_the_contract_does_not_allow(self):
        for status in (401, 403, 404, 429, 500, 502, 503):
            self.finds(f"status {status}", status=status, text="", headers=GOOD | {"Retry-After": "5"})
        self.finds("status 0", status=0, text="ConnectionRefusedError")

    def test_a_revoked_or_wrong_token_that_opens(self):
        for token in (OLD_TOKEN, "x" * 43, None):
            self.finds("status 200", token=token)
            self.assertEqual(self.judge(token=token, status=401, text=""), [])

    def test_a_token_that_was_revoked_during_the_request_may_open_or_not(self):
        self.book.valid[TOKEN][1:] = [self.now + 0.01, self.now + 0.05]
        self.assertEqual(self.judge(), [])
        self.assertEqual(self.judge(status=401, text=""), [])
        self.book.valid[TOKEN][1:] = [self.now - 0.2, self.now - 0.1]
        self.finds("status 200")

    def test_503_is_for_a_database_that_is_away_and_a_token_beyond_the_grace(self):
        refused = {"status": 503, "text": "", "headers": GOOD | {"Retry-After": "2"}}
        self.away(-20)
        self.book.verified[TOKEN] = self.now - 30
        self.finds("status 503", **refused)
        self.book.verified[TOKEN] = self.now - 400
        self.assertEqual(self.judge(**refused), [])
        self.finds("status 401", token="x" * 43, status=401, text="")

    def test_a_thirteenth_request_that_passes_and_a_twelfth_that_does_not(self):
        log = self.book.requests.admitted["127.0.0.1"] = [(self.now - 50 + n, self.now - 50 + n, True) for n in range(11)]
        refused = {"status": 429, "text": "", "headers": GOOD | {"Retry-After": "9"}}
        self.finds("status 429", **refused)
        log.append((self.now - 30, self.now - 30, True))
        self.finds("status 200")
        self.assertEqual(self.judge(**refused), [])
        log[0] = (self.now - 60.01, self.now - 60.01, True)  # at the edge either is right
        self.assertEqual(self.judge(), [])
        self.assertEqual(self.judge(**refused), [])

    def test_502_is_for_a_request_whose_worker_was_killed(self):
        self.book.kills["worker"].spans.append([self.now + 0.05, self.now + 0.06])
        self.assertEqual(self.judge(status=502, text="", headers={}), [])

    def test_headers_and_time(self):
        self.finds("no X-CeyMail-Metrics", headers={"Server": "nginx"})
        self.finds("without Retry-After", status=429, text="")
        self.finds("answered after 6.0 s", took=6.0)

    # --- contents ---

    def test_a_text_that_is_no_exposition(self):
        for right, wrong in (("active 7", "active seven"), ("active 7", "active NaN"), ("active 7\n", "active 7\n\n"),
                             ("active 7", "active 7\nceymail_queue_active 7"), (' counter\nceymail_cpu', ' countre\nceymail_cpu'),
                             ("# HELP ceymail_queue_active Messages.\n", ""), ('"nginx"', '"ng"inx"'), ('le="1"} 4', 'le="1"} 7'),
                             ("seconds_count 6", "seconds_count 7"), ("jiffies 5000", "jiffies -1"),
                             ('code="200"} 4\n', 'code="200"} 4')):
            self.finds_in(right, wrong, "malformed")

    def test_a_series_that_is_missing_or_new(self):
        self.finds_in("ceymail_queue_active 7\n", "", "ceymail_queue_active is missing")
        self.finds_in("ceymail_database_up 1\n", "", "ceymail_database_up is missing")
        self.finds_in('ceymail_service_up{name="nginx"} 1\n', "", "nginx\"} is missing")
        self.finds_in("ceymail_queue_active 7\n", 'ceymail_queue_active 7\nceymail_queue_active{of="me"} 7\n', "was not there before")

    def test_a_counter_that_falls(self):
        self.finds_in("jiffies 5000", "jiffies 4999", "fell from 5000.0 to 4999.0")

    def test_a_counter_of_the_log_that_is_too_low_or_too_high(self):
        for value in ("101", "89"):
            self.finds_in(f"{LINES} 100", f"{LINES} {value}", f"is {value}, 90 to 100 were written")
        self.assertEqual(Oracle(self.book).judge_text(self.now, self.now, {}, TEXT.replace(f"{LINES} 100", f"{LINES} 95")), [])
        self.finds_in("expired_total 0", "expired_total 1", "none was written")

    def test_a_line_that_is_unread_at_the_end(self):
        samples = Exposition(TEXT).samples
        self.assertEqual(self.oracle.judge_end(samples), [])
        self.assertEqual(len(self.oracle.judge_end(samples | {LINES: 99})), 1)

    def test_a_gauge_that_is_not_what_is_there(self):
        for value in (6, 8):
            self.finds_in("active 7", f"active {value}", f"is {value}, 7 to 7 were there")
        self.finds_in("aliases_total 3", "aliases_total 0", "ceymail_aliases_total is 0")
        self.finds_in(f"bytes {memory_total()}", "bytes 1", "ceymail_memory_total_bytes is not")
        self.finds_in('"mariadb"} 1', '"mariadb"} 0', 'name="mariadb"} is 0')
        self.finds_in('"queue"} 1', '"queue"} 0', 'collector="queue"} is 0')

    def test_answers_that_are_counted_wrong(self):
        for value in (3, 5):
            self.finds_in('code="200"} 4', f'code="200"}} {value}', "were answered")

    def test_what_an_answer_says_of_the_database(self):
        self.finds_in("database_up 1", "database_up 0", "database_up")
        self.finds_in("auth_stale 0", "auth_stale 1", "auth_stale")
        self.away(-20)
        self.book.verified[TOKEN] = self.now - 30
        self.finds("database_up and auth_stale are 1")
        self.finds("ceymail_aliases_total is there without MariaDB")
        self.book.database_ended.spans.append([self.now - 20, float("inf")])
        self.finds('name="mariadb"} is 1')

    def test_a_killed_role_excuses_what_is_missing_and_nothing_else(self):
        self.book.kills["gather"].spans.append([self.now - 1, self.now - 0.9])
        self.assertEqual(self.judge(text=TEXT.replace("ceymail_queue_active 7\n", "")), [])
        self.finds_in("active 7", "active 8", "were there")
        self.finds_in("jiffies 5000", "jiffies 4999", "fell")


class ExpositionTest(unittest.TestCase):
    def test_reads_what_is_right(self):
        self.assertEqual(Exposition(TEXT).samples["ceymail_queue_active"], 7)
        with self.assertRaises(Malformed):
            Exposition("")


if __name__ == "__main__":
    unittest.main()
