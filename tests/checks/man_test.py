#!/usr/bin/env python3
"""Man pages: there for every program, current, and complete; and scripts/make_man fails where it should.
`man_test.py BUILD PROGRAM=SECTIONS...`"""
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKE_MAN = ROOT / "scripts" / "make_man"
BUILD = pathlib.Path(sys.argv.pop(1))
PROGRAMS = {}
while len(sys.argv) > 1:
    program, _, sections = sys.argv.pop().rpartition("=")
    PROGRAMS[pathlib.Path(program)] = [sections] if pathlib.Path(sections).exists() else []


def options_and_commands(program, *command):
    """Every option and subcommand that --help names, those of subcommands included."""
    text = subprocess.run([program, *command, "--help"], check=True, capture_output=True, text=True).stdout
    found = set()
    for line in text.splitlines():
        if re.match(r"  -", line):
            found |= set(re.match(r"  (\S+)", line).group(1).split(","))
    subcommands = re.findall(r"^  ([a-z]\S*)", text.partition("\nSubcommands:\n")[2], re.MULTILINE)
    for name in subcommands:
        found |= {name} | options_and_commands(program, *command, name)
    return found


def lacking(program, page):
    text = page.replace("\\-", "-").replace("\\fR", " ").replace("\\fB", " ")
    return sorted(name for name in options_and_commands(program)
                  if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text))


def page_of(program):
    return BUILD / "man" / f"{program.name}.1.gz"


def make_man(*arguments):
    return subprocess.run([MAKE_MAN, *map(str, arguments)], capture_output=True, text=True)


class Pages(unittest.TestCase):
    def test_complete(self):
        self.assertTrue(PROGRAMS)
        for program in PROGRAMS:
            self.assertGreater(len(options_and_commands(program)), 2)
            self.assertEqual(lacking(program, gzip.open(page_of(program), "rt").read()), [], program.name)

    def test_current(self):
        for program, sections in PROGRAMS.items():
            done = make_man("--check", program, page_of(program), *sections)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_groff_has_nothing_to_say(self):
        if shutil.which("groff") is None:
            self.assertFalse(os.environ.get("HFR_NO_SKIP"), "groff is not installed (Debian: groff-base)")
            self.skipTest("groff is not installed")
        for program in PROGRAMS:
            page = gzip.open(page_of(program)).read()
            done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8"], input=page, capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, b""), program.name)

    def test_installed_with_every_program(self):
        with tempfile.TemporaryDirectory() as prefix:
            subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix, "--component", "tools"],
                           check=True, capture_output=True)
            programs = {path.name for path in pathlib.Path(prefix).glob("bin/*")}
            pages = {path.name.removesuffix(".1.gz") for path in pathlib.Path(prefix).glob("share/man/man1/*")}
        self.assertEqual(programs, {program.name for program in PROGRAMS})
        self.assertEqual(pages, programs)


HELP = """Does things: quickly.
Usage: thing [OPTIONS] [file...]

Positionals:
  file TEXT ...               what to do it to

Options:
  -h,--help                   Print this help message and exit
  -n,--number INT:INT in [1 - 100000]=3
                              how many,
                              .and how -- \\often
  --kind TEXT:{a,b} REQUIRED  which
  --file TEXT Needs: --kind Excludes: -n --help
                              whose
"""


class MakeMan(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.program, self.page = pathlib.Path(folder.name, "thing"), pathlib.Path(folder.name, "thing.1")
        self.tells(HELP)

    def tells(self, text, status=0):
        (self.program.parent / "help").write_text(text)
        self.program.write_text(f'#!/bin/sh\ncat "$(dirname "$0")/help"\nexit {status}\n')
        self.program.chmod(0o755)

    def fails(self, sentence, *arguments):
        done = make_man(*arguments)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn(sentence, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_reads_every_form_of_a_help(self):
        self.assertEqual(make_man(self.program, self.page).returncode, 0)
        page = self.page.read_text()
        self.assertEqual(lacking(self.program, page), [])
        self.assertIn("thing \\- does things\n", page)
        self.assertIn(".TP\n\\fB\\-n\\fR, \\fB\\-\\-number\\fR \\fIINT in [1 \\- 100000]\\fR\n"
                      "how many, .and how \\-\\- \\eoften (default: 3)\n", page)
        self.assertIn("\\fB\\-\\-kind\\fR \\fI{a,b}\\fR\nwhich (required)\n", page)
        self.assertIn("\\fB\\-\\-file\\fR \\fITEXT\\fR\nwhose (needs \\-\\-kind, not with \\-n, \\-\\-help)\n", page)
        self.assertIn(".SH ARGUMENTS\n.TP\n\\fIfile\\fR \\fITEXT ...\\fR\n", page)

    def test_an_option_that_the_page_lacks_is_found(self):
        make_man(self.program, self.page)
        self.tells(HELP + "  --numbers INT               several\n")
        self.assertEqual(lacking(self.program, self.page.read_text()), ["--numbers"])
        self.fails("is not what thing --help says now", "--check", self.program, self.page)
        self.page.unlink()
        self.fails("is not what thing --help says now", "--check", self.program, self.page)

    def test_a_program_without_help_gets_a_sentence(self):
        self.fails("No such file", self.program.parent / "none", self.page)
        self.tells("Segmentation fault\n")
        self.fails("tells no usage", self.program, self.page)
        self.tells(HELP, status=3)
        self.fails("tells no usage (exit status 3)", self.program, self.page)
        self.tells(HELP.partition("\n")[2])
        self.fails("what the program is for", self.program, self.page)
        self.assertFalse(self.page.exists())

    def test_a_full_disk_is_a_failure(self):
        self.fails("No space left", self.program, "/dev/full")

    def test_bad_usage(self):
        self.assertEqual(make_man(self.program).returncode, 2)


unittest.main()
