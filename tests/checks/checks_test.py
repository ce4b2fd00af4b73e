#!/usr/bin/env python3
"""The checks in scripts/ find what they are there to find: each is run on a small tree with one fault."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def outcome(script, files):
    """(exit status, output) of a check on a tree that holds `files`."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name in ("src", "include", "scripts"):
            (root / name).mkdir()
        shutil.copy(ROOT / "scripts" / "rooms.txt", root / "scripts")
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        done = subprocess.run([ROOT / "scripts" / script, root], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class Includes(unittest.TestCase):
    def check(self, file, include, expected):
        status, text = outcome("check_includes", {file: f'#include "{include}"\n'})
        self.assertEqual(status, expected, text)

    def test_forward_is_fine(self):
        self.check("src/executor/a.cc", "schedule/schedule.h", 0)
        self.check("src/planner/a.cc", "base/status.h", 0)
        self.check("src/planner/a.cc", "schedule/schedule.h", 0)

    def test_backward_is_found(self):
        self.check("src/transport/a.cc", "comm/comm.h", 1)
        self.check("src/base/a.h", "bootstrap/address.h", 1)
        self.check("src/algorithms/ring/a.cc", "transport/link.h", 1)
        self.check("src/comm/a.cc", "api/handles.h", 1)

    def test_other_ways_around(self):
        self.check("src/kernels/a.cc", "../comm/comm.h", 1)
        self.check("include/hfreduce.h", "base/status.h", 1)
        self.check("src/utils/a.h", "base/status.h", 1)
        self.check("src/memory/a.h", "fmt/format.h", 1)


class Sizes(unittest.TestCase):
    def check(self, name, text, expected):
        status, output = outcome("check_sizes", {name: text, "src/base/b.h": "\n", "src/base/c.h": "\n"})
        self.assertEqual(status, expected, output)

    def test_long_file(self):
        self.check("src/base/a.cc", "int a;\n" * 600, 0)
        self.check("src/base/a.cc", "int a;\n" * 601, 1)
        self.check("tests/unit/a.cc", "int a;\n" * 700, 0)

    def test_long_function(self):
        self.check("src/base/a.cc", "int f(int a) {\n" + "  ++a;\n" * 57 + "}\n", 0)
        self.check("src/base/a.cc", "int f(int a) {\n" + "  ++a;\n" * 58 + "}\n", 1)
        self.check("src/base/a.cc", "int f(int a,\n      int b) const noexcept {\n" + "  ++a;\n" * 57 + "}\n", 1)
        long_body = "{\n" + "  ++a;\n" * 58 + "}\n"
        self.check("src/base/a.cc", "A::A(int a)\n    : b_(a),\n      c_(a) " + long_body, 1)
        self.check("src/base/a.cc", "A::A(int a)\n    : b_(a) {\n  ++a;\n}\n" + "int b;\n" * 70, 0)
        self.check("src/base/a.h", "struct A {\n  int f() {\n" + "    ++a;\n" * 58 + "  }\n};\n", 1)
        self.check("src/base/a.h", "struct A {\n" + "  int a;\n" * 80 + "};\n", 0)

    def test_long_python_function(self):
        self.check("tests/a.py", "def f():\n" + "    pass\n" * 58, 0)
        self.check("tests/a.py", "def f():\n" + "    pass\n" * 59, 1)

    def test_long_readme(self):
        self.check("src/base/README.md", "a\n" * 41, 1)


unittest.main()
