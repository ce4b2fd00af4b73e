#!/usr/bin/env python3
"""scripts/check_abi passes what only adds, and finds what breaks: on small libraries that differ in one thing, and on
the real one against records that were tampered with. `abi_test.py LIBRARY`."""
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = ROOT / "scripts" / "check_abi"
LIBRARY = sys.argv.pop(1)

SOURCE = """
#include <stddef.h>
typedef struct { char internal[128]; } hfreduceUniqueId;
typedef enum { hfreduceSuccess = 0, hfreduceOld = 1, hfreduceNumResults = 2, hfreduceForce = 0x7fffffff } hfreduceResult_t;
typedef struct { size_t size; unsigned magic, version; int device; const char* name; int flags; } hfreduceConfig_t;
hfreduceResult_t hfreduceInit(hfreduceConfig_t* config, hfreduceUniqueId* id) { return hfreduceSuccess; }
int hfreduceRank(int n) { return n; }
int hfreduceOther(void) { return 0; }
"""
ADDED = {
    "a function": ("int hfreduceOther", "int hfreduceNew(void) { return 1; }\nint hfreduceOther"),
    "fields at the end": ("int flags;", "int flags; size_t more; int still_more;"),
    "an enumerator": ("hfreduceNumResults = 2", "hfreduceNewer = 2, hfreduceNumResults = 3"),
}
BROKEN = {
    "a function is gone": ("int hfreduceOther(void) { return 0; }", ""),
    "a field in the middle": ("int device;", "int device; double more;"),
    "a field in the last one's padding": ("int flags;", "int flags; int more;"),
    "a field is gone": ("int flags;", ""),
    "a field of another type": ("int device;", "short device;"),
    "fields change places": ("int device; const char* name;", "const char* name; int device;"),
    "a field in the middle and one at the end": ("int device; const char* name; int flags;",
                                                 "int device; double more; const char* name; int flags; size_t end;"),
    "a struct without size grows": ("internal[128];", "internal[128]; int more;"),
    "an array grows": ("internal[128]", "internal[256]"),
    "an enumerator's value": ("hfreduceOld = 1", "hfreduceOld = 7"),
    "an enumerator is gone": ("hfreduceOld = 1, ", ""),
    "a parameter's type": ("hfreduceRank(int n)", "hfreduceRank(long n)"),
    "a parameter more": ("hfreduceRank(int n)", "hfreduceRank(int n, int m)"),
    "a result's type": ("int hfreduceRank", "long hfreduceRank"),
}


def check(*arguments, **how):
    return subprocess.run([CHECK, *map(str, arguments)], capture_output=True, text=True, **how)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.record = self.folder / "recorded.abi"

    def library(self, source=SOURCE, soname="libhfreduce.so.0", debug="-g", file="a.c"):
        (self.folder / "a.c").write_text(source)
        subprocess.run(["cc", debug, "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-o", "a.so", file],
                       check=True, cwd=self.folder)
        return self.folder / "a.so"

    def fails(self, sentence, *arguments, **how):
        done = check(*arguments, **how)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertIn(sentence, done.stderr)

    def passes(self, *arguments):
        done = check(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout


class Small(Case):
    def setUp(self):
        super().setUp()
        self.passes("--accept", self.library(), self.record)

    def test_the_same_passes(self):
        self.assertNotIn("added", self.passes(self.library(), self.record))

    def test_what_only_adds_passes(self):
        for what, change in ADDED.items():
            with self.subTest(what):
                self.passes(self.library(SOURCE.replace(*change)), self.record)
        everything = SOURCE
        for change in ADDED.values():
            everything = everything.replace(*change)
        self.assertIn("added: hfreduceNew, hfreduceConfig_t.more, hfreduceConfig_t.still_more\n",
                      self.passes(self.library(everything), self.record))

    def test_what_breaks_fails_until_it_is_accepted(self):
        for what, change in BROKEN.items():
            with self.subTest(what):
                self.assertIn(change[0], SOURCE)
                self.passes("--accept", self.library(), self.record)
                library = self.library(SOURCE.replace(*change))
                self.fails("would break", library, self.record)
                self.passes("--accept", library, self.record)
                self.passes(library, self.record)

    def test_another_soname_fails(self):
        self.fails("SONAME changed", self.library(soname="libhfreduce.so.1"), self.record)

    def test_bad_input_gets_a_sentence(self):
        self.fails("has no debug information", self.library(debug="-g0"), self.record)
        self.fails("cannot read", self.folder / "none.so", self.record)
        self.fails("cannot read", self.folder / "a.c", self.record)
        self.fails("where it was built", "--accept", self.library(file=self.folder / "a.c"), self.record)
        for text in ("", "<abi-corpus", "<html/>", "\0\0"):
            self.record.write_text(text)
            self.fails("is no ABI file", self.library(), self.record)
        self.record.write_bytes(b"\xff\xfe\x00")
        self.fails("decode", self.library(), self.record)
        self.assertEqual(check().returncode, 2)

    def test_a_full_disk_leaves_the_old_record(self):
        before = self.record.read_text()
        library = self.library(SOURCE.replace(*ADDED["a function"]))
        # A limit on the size of files stands for the disk; children of the check inherit it, and write to pipes only.
        self.fails("File too large", "--accept", library, self.record,
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)))
        self.assertEqual(self.record.read_text(), before)
        self.assertEqual([path.name for path in self.folder.glob("*.new")], [])

    def test_without_a_tool_or_a_record_it_says_so(self):
        library = self.library()
        bare = {"PATH": str(self.folder)}
        (self.folder / "python3").symlink_to(sys.executable)
        (self.folder / "env").symlink_to(shutil.which("env"))
        for environment, arguments, sentence in ((bare, (library, self.record), "abigail-tools"),
                                                 (os.environ, (library, self.folder / "none.abi"), "no ABI is recorded")):
            environment = {key: value for key, value in environment.items() if key != "HFR_NO_SKIP"}
            for strict, status in (({}, 77), ({"HFR_NO_SKIP": "1"}, 1)):
                done = check(*arguments, env=environment | strict)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(sentence, done.stderr)


class Real(Case):
    """A record that differs from this library as an older or a newer one would."""

    def tampered(self, pattern, replacement):
        self.passes("--accept", LIBRARY, self.record)
        text, count = re.subn(pattern, replacement, self.record.read_text())
        self.assertGreater(count, 0, pattern)
        self.record.write_text(text)

    def test_passes_what_it_recorded_itself(self):
        self.passes("--accept", LIBRARY, self.record)
        self.passes(LIBRARY, self.record)

    def test_a_function_that_it_has_no_more(self):
        self.tampered(r"'hfreduceAllReduceEx'", "'hfreduceAllReduceOld'")
        self.fails("hfreduceAllReduceOld", LIBRARY, self.record)

    def test_fields_that_moved(self):
        self.tampered(r"layout-offset-in-bits='192'", "layout-offset-in-bits='224'")
        self.fails("offset changed from 224 to 192", LIBRARY, self.record)

    def test_a_code_of_another_value(self):
        self.tampered(r"'hfreducePeerDead' value='100'", "'hfreducePeerDead' value='99'")
        self.fails("hfreducePeerDead' from value '99' to '100'", LIBRARY, self.record)


missing = [tool for tool in ("abidiff", "abidw", "cc") if shutil.which(tool) is None]
if missing:
    print(f"{' and '.join(missing)} not installed (Debian: abigail-tools, gcc)")
    sys.exit(1 if os.environ.get("HFR_NO_SKIP") else 77)
unittest.main()
