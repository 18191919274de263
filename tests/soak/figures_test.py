# SPDX-License-Identifier: MIT
"""That the table names what grew."""

import unittest

from figures import FIELDS, ROLES, Figures

HOURS = 7200


def rows(**of_the_last_hour):
    """A row a minute; in the last hour `role_field` is another, a processor so many times as busy."""
    made, seconds = [], dict.fromkeys(ROLES, 0.0)
    for minute in range(1, 120):
        late = minute >= 60
        row = {"at": minute * 60.0, "segment bytes": 1000 + (of_the_last_hour.get("segment", 0) if late else 0)}
        for role in ROLES:
            for field in FIELDS:
                change = of_the_last_hour.get(f"{role}_{field}".replace(" ", "_"), 0) if late else 0
                row[f"{role} {field}"] = 1000 + change
            busy = of_the_last_hour.get(f"{role}_busy".replace(" ", "_"), 1) if late else 1
            seconds[role] += 0.1 * busy
            row[f"{role} processor"] = seconds[role]
        made.append(row)
    return made


def life(role, leak):
    """A process that makes what it keeps within ten minutes, and then loses `leak` bytes a minute."""
    return role, [(minute * 60.0, 1000 + min(minute, 10) * 20 + leak * max(0, minute - 10)) for minute in range(80)]


class FiguresTest(unittest.TestCase):
    def wrong(self, seconds=HOURS, leak=0, **changes):
        figures = Figures(None)
        figures.rows = rows(**changes)
        figures.lives = {pid: life(role, leak if role == "gatherer" else 0) for pid, role in enumerate(ROLES)}
        lines, wrong = figures.table(seconds)
        self.assertIn("| workers: descriptors |", "\n".join(lines))
        return wrong

    def test_a_flat_run_is_right(self):
        self.assertEqual(self.wrong(), [])
        self.assertEqual(self.wrong(gatherer_own_bytes=49, workers_busy=1.5), [])
        self.assertEqual(self.wrong(gatherer_bytes=100, workers_bytes=-100), [])  # another role counts the shared pages

    def test_each_growth_is_named(self):
        growths: list[tuple[dict[str, float], str]] = [
            ({"workers_descriptors": 1}, "workers: descriptors"), ({"gatherer_threads": 1}, "gatherer: threads"),
            ({"supervisor_processes": 1}, "supervisor: processes"), ({"segment": 1}, "segment"),
            ({"log_reader_bytes": 201}, "all: memory (PSS)"), ({"leak": 2}, "gatherer: the longest life"),
            ({"gatherer_own_bytes": 51}, "gatherer: memory (PSS without files)"), ({"workers_busy": 1.7}, "workers: processor")]
        for change, name in growths:
            wrong = self.wrong(**change)
            self.assertEqual(len(wrong), 1, wrong)
            self.assertTrue(wrong[0].startswith(name), wrong)

    def test_the_memory_of_a_process_that_begins_anew_is_not_compared(self):
        figures = Figures(None)
        figures.rows = rows()
        figures.lives = {pid: life(role, 0) for pid, role in enumerate(ROLES)}
        for row in figures.rows[:40]:
            row["gatherer age"], row["gatherer own bytes"] = 60, 800
        self.assertEqual(figures.table(HOURS)[1], [])
        for row in figures.rows[:40]:
            row["gatherer age"] = 600
        self.assertEqual(len(figures.table(HOURS)[1]), 1)

    def test_a_run_of_minutes_has_no_verdict(self):
        self.assertEqual(self.wrong(seconds=1800, workers_descriptors=1), [])


if __name__ == "__main__":
    unittest.main()
