#!/usr/bin/env python3
"""hfreduce-sched as a user meets it: what it prints, and its exit status."""
import subprocess
import sys
import unittest

TOOL = sys.argv.pop(1)


def sched(*arguments, **how):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output="stdout" not in how, text=True,
                          stderr=subprocess.PIPE if "stdout" in how else None, **how)


class Sched(unittest.TestCase):
    def refused(self, sentence, *arguments):
        done = sched(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(sentence, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, "one sentence")

    def names(self):
        return [tuple(line.split()[:2]) for line in sched("list").stdout.splitlines()]

    def test_list_names_what_show_and_verify_take(self):
        self.assertIn(("allreduce", "hierarchical-ring"), self.names())
        for collective, algorithm in self.names():
            shape = ("--collective", collective, "--algorithm", algorithm, "--ranks", 2)
            self.assertEqual(sched("show", *shape).returncode, 0)
            done = sched("verify", *shape)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, f"^{collective} +{algorithm} +(proved|does not apply)")

    def test_verify_prints_a_line_for_each(self):
        done = sched("verify", "--ranks", "1-4")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, len(self.names())))
        self.assertNotIn(" 0 steps", done.stdout)

    def test_show_has_every_rank_or_the_one_asked_for(self):
        everyone = sched("show", "--algorithm", "hierarchical-ring", "--ranks", 4, "--hosts", 2).stdout
        self.assertEqual([f"rank {r}:" in everyone for r in range(5)], [True] * 4 + [False])
        one = sched("show", "--algorithm", "hierarchical-ring", "--ranks", 4, "--hosts", 2, "--rank", 2).stdout
        self.assertIn(one.split("\n", 1)[1], everyone)
        self.assertNotIn("rank 1:", one)

    def test_bad_input_gets_a_sentence(self):
        self.refused("subcommand is required")
        self.refused("neither a number nor a range", "verify", "--ranks", "1-x")
        self.refused("the smaller number first", "verify", "--ranks", "4-2")
        self.refused("no algorithm 'butterfly'", "verify", "--algorithm", "butterfly", "--ranks", 2)
        self.refused("--hosts 4 must lie within 1", "show", "--algorithm", "ring", "--ranks", 3, "--hosts", 4)
        self.refused("one number of ranks", "show", "--algorithm", "ring", "--ranks", "2-3")
        self.refused("runs on one host only", "show", "--algorithm", "two-shot", "--ranks", 4, "--hosts", 2)

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "w") as full:
            done = sched("list", stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)


unittest.main()
