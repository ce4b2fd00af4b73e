#!/usr/bin/env python3
"""hfreduce-topo as a user meets it: what it prints and draws, and its exit status. `topo_test TOOL MACHINES`; "none"
for MACHINES where hwloc was not there."""
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

TOOL, MACHINES = sys.argv[1:3]
del sys.argv[1:3]
HWLOC = MACHINES != "none"
FOLDER = tempfile.TemporaryDirectory()
PLACE = pathlib.Path(FOLDER.name)
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("HFREDUCE_", "HWLOC_"))}


def topo(*arguments, variables=None, **how):
    how.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([TOOL, *map(str, arguments)], stderr=subprocess.PIPE, text=True, timeout=100,
                          env=CLEAN | (variables or {}), **how)


class Case(unittest.TestCase):
    def told(self, *arguments, **how):
        done = topo(*arguments, **how)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def refused(self, sentence, *arguments, status=2, **how):
        done = topo(*arguments, **how)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertFalse(done.stdout)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, "one sentence")


class Anywhere(Case):
    """With hwloc and without."""

    def test_this_machine(self):
        text = self.told()
        self.assertIn("this process", text)
        known = json.loads(self.told("--json"))
        self.assertEqual(known["schema"], "hfreduce-topo 1")
        self.assertEqual(known["machine"] is None, not HWLOC)
        self.assertEqual(known["unknown"] is None, HWLOC)
        self.assertIsNone(known["plan"])
        if not HWLOC:
            self.assertIn("hwloc was not there when", text)
            self.assertIn("hwloc was not there when", known["unknown"])

    def test_binding_is_respected(self):
        cpu = max(os.sched_getaffinity(0))
        bound = lambda: os.sched_setaffinity(0, {cpu})
        process = json.loads(self.told("--json", preexec_fn=bound))["process"]
        self.assertEqual((process["bound_to"], process["usable"]), (str(cpu), 1))

    def test_rings_and_trees(self):
        text = self.told("--ranks", 4, "--hosts", 4)
        self.assertIn("ring 0 > 1 > 2 > 3 > 0", text)
        trees = json.loads(self.told("--json", "--ranks", 5, "--hosts", 5, "--bytes", "64K"))["plan"]
        self.assertEqual(trees["calls"][0]["algorithm"], "double-tree")
        for route in trees["calls"][0]["routes"]:
            self.assertEqual(len(route["edges"]), 4, "of five ranks")
        forced = self.told("--ranks", 4, "--hosts", 2, variables={"HFREDUCE_ALGORITHM": "ring"})
        self.assertIn("64 MiB: ring in segments", forced)

    def test_bad_numbers_get_a_sentence(self):
        self.refused("--ranks 0 must lie within 1 and 1024", "--ranks", 0)
        self.refused("--ranks 5000 must lie", "--ranks", 5000)
        self.refused("--ranks", "--ranks", "many")
        self.refused("--hosts 4 must lie within 1 and", "--ranks", 3, "--hosts", 4)
        self.refused("--hosts requires --ranks", "--hosts", 2)
        self.refused("--bytes much is not a size", "--ranks", 3, "--bytes", "much")
        self.refused("--frobnicate", "--frobnicate")
        self.refused("excludes", "--settings", "--ranks", 2)
        self.refused("HFREDUCE_LEADERS=x", "--ranks", 2, variables={"HFREDUCE_LEADERS": "x"})

    def test_settings_with_value_default_range_and_origin(self):
        values = {"HFREDUCE_SOCKETS": "4", "HFREDUCE_SEGMENT": "64K", "HFREDUCE_ALGORITHM": "ring"}
        rows = {row["name"]: row for row in
                json.loads(self.told("--settings", "--json", variables=values))["settings"]}
        table = (pathlib.Path(__file__).parents[2] / "src/base/settings.inc").read_text()
        self.assertEqual(sorted(rows), sorted(re.findall(r'^HFR_\w+\(\w+, "(\w+)"', table, re.M)))
        sockets = rows["HFREDUCE_SOCKETS"]
        self.assertEqual([sockets[key] for key in ("value", "default", "range", "origin")],
                         ["4", "1", "1 to 16", "environment"])
        self.assertEqual(rows["HFREDUCE_SEGMENT"]["value"], "65536")
        self.assertEqual(rows["HFREDUCE_ALGORITHM"]["value"], "ring")
        self.assertEqual((rows["HFREDUCE_STRICT"]["origin"], rows["HFREDUCE_STRICT"]["value"]), ("default", "0"))
        self.assertRegex(self.told("--settings", variables=values),
                         r"HFREDUCE_SOCKETS +4 +environment +1 +1 to 16 ")

    def test_a_setting_that_cannot_be_used_is_listed_and_named(self):
        done = topo("--settings", variables={"HFREDUCE_SOCKETS": "99", "HFREDUCE_TIMEOUT_MS": ""})
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout, r"HFREDUCE_SOCKETS +99 +environment")
        self.assertRegex(done.stdout, r"HFREDUCE_TIMEOUT_MS +1800000 +default")
        self.assertIn("HFREDUCE_SOCKETS=99: must be a whole number from 1 to 16", done.stderr)
        done = topo("--settings", variables={"HFREDUCE_SOKETS": "2"})
        self.assertEqual(done.returncode, 0)
        self.assertIn("did you mean HFREDUCE_SOCKETS?", done.stderr)

    def test_what_cannot_be_written_is_a_failure(self):
        for arguments in ((), ("--json",), ("--settings",)):
            with open("/dev/full", "w") as full:
                done = topo(*arguments, stdout=full)
            self.assertEqual(done.returncode, 1)
            self.assertIn("No space left", done.stderr)
        for form in ((), ("--json",)):
            self.refused("No space left", *form, "--svg", "/dev/full", status=1)
        self.refused("Is a directory", "--svg", PLACE, status=1)
        self.refused("No such file", "--svg", PLACE / "none" / "x.svg", status=1)

    def test_a_picture_is_replaced_whole_or_not_at_all(self):
        folder = pathlib.Path(tempfile.mkdtemp(dir=PLACE))
        (folder / "x.svg").write_text("what was there before")
        os.chmod(folder / "x.svg", 0o640)
        little = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        done = topo("--svg", folder / "x.svg", "--ranks", 4, preexec_fn=little, restore_signals=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("File too large", done.stderr)
        self.assertEqual((folder / "x.svg").read_text(), "what was there before")
        (folder / "link.svg").symlink_to("x.svg")
        self.told("--svg", folder / "link.svg", "--ranks", 4)
        self.assertIn("<svg", (folder / "x.svg").read_text())
        self.assertTrue((folder / "link.svg").is_symlink())
        self.assertEqual((folder / "x.svg").stat().st_mode & 0o777, 0o640)
        self.assertEqual(sorted(file.name for file in folder.iterdir()), ["link.svg", "x.svg"])


@unittest.skipIf(HWLOC, "hwloc is there")
class WithoutHwloc(Case):
    def test_a_file_cannot_be_read(self):
        self.refused("hwloc was not there when", "--xml", __file__)


@unittest.skipUnless(HWLOC, "hwloc is not there")
class Files(Case):
    @classmethod
    def setUpClass(cls):
        subprocess.run([MACHINES, PLACE], check=True)

    def test_a_dgx_on_one_screen(self):
        text = self.told("--xml", PLACE / "dgx.xml")
        lines = text.splitlines()
        self.assertLessEqual(max(map(len, lines)), 130)
        self.assertLessEqual(len(lines), 70)
        self.assertIn("2 packages, 8 NUMA nodes, 128 cores, 256 threads, 2 TiB", text)
        self.assertIn("L3 16 MiB x 32 (each shared by 4 cores)", text)
        self.assertRegex(text, r"gpu2 .*nearest nic2 \(PIX\)")
        self.assertRegex(text, r"\n +gpu0 +X( +NVL){7} +PIX +PHB( +SYS){6} +\?\n")
        self.assertRegex(text, r"\n +4 +32 +32 +32 +32 +10 +12 +12 +12\n")
        self.assertNotIn("this process", text, "which runs elsewhere")

    def test_json_says_what_the_text_says(self):
        known = json.loads(self.told("--json", "--xml", PLACE / "epyc8.xml"))
        self.assertIsNone(known["process"])
        machine = known["machine"]
        devices = {device["tag"]: device for device in machine["devices"]}
        self.assertEqual(len(machine["cores"]), 64)
        self.assertEqual(devices["nic0"]["names"], ["mlx5_0", "ib0"])
        self.assertEqual(devices["nic0"]["node"], 1)
        self.assertEqual(devices["gpu0"]["nodes"], ["local", "remote"])
        self.assertEqual(devices["gpu0"]["between"]["gpu1"], "NVL")
        self.assertEqual(devices["gpu4"]["between"]["nic0"], "NODE")
        self.assertIn({"from": "gpu0", "to": "gpu1", "MBps": 200000}, machine["nvlink"])
        vm = json.loads(self.told("--json", "--xml", PLACE / "vm.xml"))["machine"]
        for device in vm["devices"]:
            self.assertEqual([device[key] for key in ("node", "package", "pcie_GBps", "port_Mbps", "nodes")],
                             [None, None, None, None, [None]])

    def test_the_picture_has_everything(self):
        file = PLACE / "dgx.svg"
        self.told("--xml", PLACE / "dgx.xml", "--svg", file, "--ranks", 4, "--hosts", 4)
        drawn = xml.etree.ElementTree.parse(file)
        space = "{http://www.w3.org/2000/svg}"
        classes = [it.get("class") for it in drawn.iter() if it.get("class")]
        count = {name: classes.count(name) for name in ("core", "gpu", "nic", "package", "node", "cache")}
        self.assertEqual(count, {"core": 128, "gpu": 8, "nic": 9, "package": 2, "node": 8, "cache": 32})
        texts = [it.text for it in drawn.iter(space + "text")]
        for words in ("GPU", "network", "behind one PCIe switch", "NVLink: each of the 8 GPUs with every other"):
            self.assertIn(words, texts)
        self.assertNotIn("core that is not for this process", texts, "that is of another machine")
        hints = [it.text for it in drawn.iter(space + "title")]
        for way in ("0 to 1", "1 to 2", "2 to 3", "3 to 0"):
            self.assertEqual(hints.count(way) >= 2, True, f"in both rings: {way}")
        height = float(drawn.getroot().get("height"))
        for it in drawn.iter(space + "rect"):
            if it.get("y"):
                self.assertLessEqual(float(it.get("y")) + float(it.get("height")), height)

    def test_links_of_single_pairs_are_named(self):
        file = PLACE / "epyc8.svg"
        self.told("--xml", PLACE / "epyc8.xml", "--svg", file, "--ranks", 16, "--groups", "8/4")
        texts = [it.text or "" for it in xml.etree.ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("NVLink: gpu0-gpu1, gpu2-gpu3, gpu4-gpu5, gpu6-gpu7", texts)
        for text in texts:
            self.assertEqual(text.count("("), text.count(")") if not text.endswith("...") else text.count("("), text)

    def test_bad_files_get_a_sentence(self):
        self.refused("No such file", "--xml", PLACE / "none.xml")
        self.refused("Is a directory", "--xml", PLACE)
        self.refused("--xml", "--xml", "")
        good = (PLACE / "epyc8.xml").read_text()
        bad = PLACE / "bad.xml"
        for sentence, text in (("is empty", ""), ("not XML", "hello"), ("binary", "<topology\0"),
                               ("another version", good.replace('version="2.0"', 'version="4.2"')),
                               ("entities", '<!DOCTYPE x [<!ENTITY a "b">]>' + good),
                               ("cannot read it", good.replace("</object>", "", 1))):
            bad.write_text(text)
            self.refused(sentence, "--xml", bad)
            self.refused(sentence, "--xml", bad, "--json", "--svg", PLACE / "never.svg")
        self.assertFalse((PLACE / "never.svg").exists())

    def test_cut_off_at_every_percent(self):
        good = (PLACE / "vm.xml").read_text()
        bad = PLACE / "cut.xml"
        for percent in range(100):
            bad.write_text(good[:(len(good) - 12) * percent // 100])
            self.refused(str(bad), "--xml", bad)

    def test_what_makes_hwloc_fall_over_does_not_reach_us(self):
        head = (PLACE / "vm.xml").read_text().split("<object", 1)[0]
        sets = " ".join(f'{name}="0x1"' for name in ("cpuset", "complete_cpuset", "nodeset", "complete_nodeset"))
        deep = "".join(f'<object type="Group" {sets} gp_index="{i}">' for i in range(100000))
        (PLACE / "deep.xml").write_text(head + deep + "</object>" * 100000 + "</topology>")
        for parser in ("0", "1"):  # hwloc's own, which falls over; libxml2
            self.refused(str(PLACE / "deep.xml"), "--xml", PLACE / "deep.xml", variables={"HWLOC_LIBXML": parser})


unittest.main()
