#!/usr/bin/env python3
"""hfreduce-sched as a user meets it: what it prints, and its exit status."""
import collections
import itertools
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

TOOL = sys.argv.pop(1)


def sched(*arguments, **how):
    return subprocess.run([TOOL, *map(str, arguments)], capture_output="stdout" not in how, text=True,
                          stderr=subprocess.PIPE if "stdout" in how else None, **how)


class Sched:
    def refused(self, sentence, *arguments):
        done = sched(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(sentence, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, "one sentence")

    def names(self):
        return [tuple(line.split()[:2]) for line in sched("list").stdout.splitlines()]


class Commands(Sched, unittest.TestCase):
    def test_list_names_what_show_and_verify_take(self):
        self.assertIn(("allreduce", "hierarchical-ring"), self.names())
        for collective, algorithm in self.names():
            ranks = 2 if algorithm == "alternating" else 4
            shape = ("--collective", collective, "--algorithm", algorithm, "--ranks", ranks)
            if algorithm == "grouped":
                shape += ("--groups", 2)
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

    def test_groups_are_shown_and_proved(self):
        shown = sched("show", "--algorithm", "grouped", "--collective", "allreduce", "--ranks", 8, "--groups", "3,5").stdout
        self.assertIn("8 ranks, one host, 2 groups\n", shown)
        self.assertIn('lane "sum 1"', shown)
        nested = sched("show", "--algorithm", "hierarchical-ring", "--ranks", 16, "--hosts", 2, "--groups", "4/2").stdout
        self.assertIn("2 hosts, 4 groups, 8 groups\n", nested)
        done = sched("verify", "--ranks", "4-9", "--groups", "2,1")
        self.assertRegex(done.stdout, r"broadcast +grouped +proved +6 settings")
        self.assertEqual(done.returncode, 0)

    def test_bad_input_gets_a_sentence(self):
        self.refused("whose ranks form groups", "show", "--algorithm", "grouped", "--collective", "broadcast", "--ranks", 4)
        for groups in ("0", "x", "4,", "/2", "2//2", "-1", "4;4", " 4"):
            self.refused("are neither sizes like 4,2", "show", "--algorithm", "ring", "--ranks", 4, f"--groups={groups}")
        self.refused("subcommand is required")
        self.refused("neither a number nor a range", "verify", "--ranks", "1-x")
        self.refused("the smaller number first", "verify", "--ranks", "4-2")
        self.refused("no algorithm 'butterfly'", "verify", "--algorithm", "butterfly", "--ranks", 2)
        self.refused("--hosts 4 must lie within 1", "show", "--algorithm", "ring", "--ranks", 3, "--hosts", 4)
        self.refused("one number of ranks", "show", "--algorithm", "ring", "--ranks", "2-3")
        self.refused("runs on one host only", "show", "--algorithm", "two-shot", "--ranks", 4, "--hosts", 2)
        for shape in (("--ranks", 3), ("--ranks", 2, "--hosts", 2)):
            self.refused("for two ranks of one host", "show", "--algorithm", "alternating", *shape)

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "w") as full:
            done = sched("list", stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)


SVG = "{http://www.w3.org/2000/svg}"
ALL_FREE = ("--mapped-step", 0, "--mapped-byte", 0, "--posted-step", 0, "--posted-byte", 0)


class Picture:
    """What a drawing shows, read back."""

    def __init__(self, text):
        root = xml.fromstring(text)
        self.text = " ".join(root.itertext())
        self.ranks = [group.get("id") for group in root.iter(SVG + "g") if group.get("class") == "rank"]
        self.rows = collections.defaultdict(list)  # by rank: (begin, end) of its steps, in pixels
        self.critical = 0
        for rect in root.iter(SVG + "rect"):
            kinds = (rect.get("class") or "").split()
            if "box" not in kinds:
                continue
            self.critical += "critical" in kinds
            rank = int(re.match(r"rank (\d+)", rect.find(SVG + "title").text).group(1))
            begin, width = float(rect.get("x")), float(rect.get("width"))
            if "wait" not in kinds:
                self.rows[rank].append((begin, begin + width))
        self.arrows = [re.findall(r"[\d.]+", path.get("d")) for path in root.iter(SVG + "path")
                       if "arrow" in (path.get("class") or "").split()]
        links = re.findall(r"rank (\d+) to rank (\d+): (\S+ \w*B)", self.text)
        self.links = {(int(a), int(b)): size for a, b, size in links}
        self.done_after = re.search(r"Done after (\S+(?: \w+)?)\. ", self.text).group(1)


class Draw(Sched, unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "a.svg"

    def draw(self, *arguments):
        done = sched("draw", "-o", self.file, *arguments)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        return Picture(self.file.read_text())

    def test_every_algorithm_and_every_rank(self):
        for (collective, algorithm), (ranks, hosts) in itertools.product(
                self.names(), ((1, 1), (2, 1), (5, 1), (6, 2), (7, 7))):
            shape = ("--collective", collective, "--algorithm", algorithm, "--ranks", ranks, "--hosts", hosts)
            if sched("show", *shape).returncode != 0:
                continue  # runs on one host only
            with self.subTest(shape):
                shown = self.draw(*shape)
                self.assertEqual(shown.ranks, [f"rank-{rank}" for rank in range(ranks)])
                self.assertEqual(shown.critical > 0, bool(shown.rows))
                self.assertEqual(bool(shown.arrows), ranks > 1)
                for x1, _, x2, _ in shown.arrows:
                    self.assertGreaterEqual(float(x2), float(x1) - 0.01, "arrows go forward in time")
                for steps in shown.rows.values():
                    for one, next_one in itertools.pairwise(sorted(steps)):
                        # Pixels are rounded, and what is short is drawn 0.8 wide.
                        self.assertLess(one[1], next_one[0] + 0.85, "a rank does one step at a time")

    def test_times_are_those_of_the_model(self):
        # The other rank's word that its buffer is free: 500. 1000 bytes, 3 ns of the link for each; and 500 for them.
        chain = ("--collective", "broadcast", "--algorithm", "chain", "--ranks", 2, "--hosts", 2,
                 "--segments", 1, "--bytes", 1000)
        free = (*ALL_FREE[:4], "--posted-step", 500, "--posted-byte", 3)
        self.assertEqual(self.draw(*chain, *free).done_after, "4 us")
        # Copy (2000 bytes touched), signal, sum of two (3000 bytes touched): 5000 * 0.5 and three steps of 7.
        one_shot = ("--algorithm", "one-shot", "--ranks", 2, "--segments", 1, "--bytes", 1000)
        shown = self.draw(*one_shot, "--mapped-step", 7, "--mapped-byte", 0.5)
        self.assertEqual(shown.done_after, "2.521 us")
        self.assertIn("Critical path: 3 steps.", shown.text)
        self.assertIn("a step takes 7 ns, and 0.5 ns for each byte", shown.text)

    def test_segments_overlap(self):
        chain = ("--collective", "broadcast", "--algorithm", "chain", "--ranks", 4, "--hosts", 4, "--bytes", 4000,
                 *ALL_FREE[:6], "--posted-byte", 1)
        self.assertEqual(self.draw(*chain, "--segments", 1).done_after, "12 us")
        self.assertEqual(self.draw(*chain, "--segments", 4).done_after, "6 us")

    def test_bytes_a_link(self):
        ring = self.draw("--algorithm", "ring", "--ranks", 4, "--bytes", "1M")
        self.assertEqual(ring.links, {(0, 1): "1.5 MiB", (1, 2): "1.5 MiB", (2, 3): "1.5 MiB", (3, 0): "1.5 MiB"})
        self.assertIn("6 MiB in all", ring.text)
        self.assertNotIn("between hosts", ring.text, "there is one")
        direct = self.draw("--algorithm", "direct", "--ranks", 3, "--root", 1, "--bytes", "8K")
        self.assertEqual(direct.links, {(1, 0): "8 KiB", (1, 2): "8 KiB"})

    def test_free_steps_and_no_bytes_are_a_picture_too(self):
        self.assertEqual(self.draw("--algorithm", "ring", "--ranks", 2, *ALL_FREE).done_after, "0")
        self.assertEqual(self.draw("--algorithm", "ring", "--ranks", 2, "--bytes", 0).links, {(0, 1): "0 B", (1, 0): "0 B"})

    def test_bad_input_gets_a_sentence(self):
        ring = ("draw", "-o", self.file, "--algorithm", "ring", "--ranks")
        self.refused("at most 64 ranks", *ring, 65)
        self.refused("one number of ranks", *ring, "2-3")
        self.refused("--hosts 4 must lie within 1", *ring, 2, "--hosts", 4)
        self.refused("--segments 0 must", *ring, 2, "--segments", 0)
        self.refused("no picture", *ring, 64, "--segments", 8)
        self.refused("--bytes", *ring, 2, "--bytes", "many")
        self.refused("more than 1024T", *ring, 2, "--bytes", 1 << 51)
        for cost in ("-1", "nan", "inf", "1e300"):
            self.refused("--posted-byte", *ring, 2, "--posted-byte=" + cost)
        self.refused("runs on one host only", "draw", "-o", self.file, "--algorithm", "one-shot", "--ranks", 2, "--hosts", 2)
        self.refused("no algorithm 'butterfly'", "draw", "-o", self.file, "--algorithm", "butterfly", "--ranks", 2)
        self.refused("--collective says which", "draw", "-o", self.file, "--algorithm", "hierarchical-tree", "--ranks", 4)
        self.refused("--output is required", "draw", "--algorithm", "ring", "--ranks", 2)
        self.assertFalse(self.file.exists())

    def test_what_cannot_be_written_is_a_failure_and_loses_nothing(self):
        def fails(sentence, file, **how):
            done = sched("draw", "-o", file, "--algorithm", "ring", "--ranks", 4, **how)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(sentence, done.stderr)

        fails("No such file", self.file.parent / "none" / "a.svg")
        fails("Is a directory", self.file.parent)
        fails("No space left", "/dev/full")
        self.file.write_text("what was there")
        fails("File too large", self.file, preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (999, 999))))
        self.assertEqual(self.file.read_text(), "what was there")
        self.assertEqual(os.listdir(self.file.parent), [self.file.name])


unittest.main()
