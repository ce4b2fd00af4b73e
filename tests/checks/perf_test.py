#!/usr/bin/env python3
"""hfreduce-perf as a user meets it: other libraries beside ours, files that results go to, exit statuses."""
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
from xml.etree import ElementTree

TOOL = sys.argv.pop(1)
HERE = pathlib.Path(__file__).resolve().parent
QUICK = ("allreduce", "--ranks", 2, "-b", 64, "-e", 64, "-n", 40, "-w", 4, "--limits", 0, "--place", "in")


def perf(*arguments, **how):
    environment = {**os.environ, **how.pop("environment", {})}
    for name in ("RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID"):
        environment.pop(name, None)
    return subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=100,
                          **how)


def peer(manner):
    return f"exec:{HERE / 'compare_peer.py'} {manner}"


class Compare(unittest.TestCase):
    def refused(self, sentence, *arguments, **how):
        done = perf(*arguments, **how)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, "one sentence")

    def left_out(self, manner, sentence):
        """Whatever a peer does, our figures are there, the reason is said, and the status tells."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.json"
            done = perf(*QUICK, "--compare", peer(manner), "--compare-patience", 2, "--json", out)
            self.assertIn(sentence, done.stderr)
            self.assertIn("left out from here on", done.stderr)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("0 OK", done.stdout)
            libraries = [r["library"] for r in json.loads(out.read_text())["results"]]
            self.assertEqual(libraries, ["hfreduce"])

    def test_a_peer_has_a_column_and_a_record(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.json"
            done = perf(*QUICK, "--compare", peer("honest"), "--json", out)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("compare_peer ours is", done.stdout)
            self.assertIn("# Beside compare_peer: ", done.stdout)
            ours, theirs = json.loads(out.read_text())["results"]
        self.assertEqual((ours["library"], theirs["library"]), ("hfreduce", "compare_peer"))
        self.assertEqual({k: theirs[k] for k in ("collective", "type", "op", "bytes", "place", "ranks")},
                         {k: ours[k] for k in ("collective", "type", "op", "bytes", "place", "ranks")})
        self.assertGreaterEqual(theirs["min_us"], 200, "the slowest rank counts")
        self.assertLess(theirs["median_us"], 100_000)
        ratio = theirs["median_us"] / ours["median_us"]
        self.assertAlmostEqual(theirs["hfreduce_times_as_fast"], ratio, delta=ratio * 1e-5)

    def test_two_peers_and_threads(self):
        both = f"{peer('honest')},{peer('honest')}"
        done = perf("broadcast", "-t", 3, "-b", 8, "-e", 8, "-n", 8, "--limits", 0, "--compare", both)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("compare_peer#2", done.stdout)

    def test_ranks_of_a_peer_are_bound_as_ours(self):
        done = perf(*QUICK, "--compare", peer("logs"), "--compare-patience", 2)
        cores = sorted(os.sched_getaffinity(0))
        for rank in range(2):
            self.assertIn(f"peer {rank} runs on {[cores[rank % len(cores)]]}", done.stderr)

    def test_those_that_lie(self):
        self.left_out("slow-liar", "more time than has passed")
        self.left_out("disorder", "the least is not at most the median")
        self.left_out("nan", "times that are no times")

    def test_those_that_die(self):
        self.left_out("dies", "its rank 1 ended (signal 9 (Killed))")
        self.left_out("leaves", "its rank 0 ended (exit status 7)")

    def test_those_that_hang(self):
        begin = time.monotonic()
        self.left_out("hangs", "its rank 1 has not answered within 2 s")
        self.left_out("silent", "its rank 0 has not answered within 2 s")
        self.assertLess(time.monotonic() - begin, 30)
        left = subprocess.run(["pgrep", "-f", f"{HERE / 'compare_peer.py'} (hangs|silent)"], capture_output=True,
                              text=True, check=False)
        self.assertEqual(left.stdout, "", "none is left behind")

    def test_those_that_do_not_speak_the_protocol(self):
        self.left_out("nonsense", "answered 'fine, thanks', which is none of")
        self.left_out("chatty", "said 'by the way?' without being asked")
        self.left_out("endless", "a line without end")
        self.left_out("unready", "says 'there is no network today'")
        done = perf(*QUICK, "--compare", "exec:/bin/true", "--compare-patience", 2)
        self.assertRegex(done.stderr, r"--compare true: its rank [01] ended \(exit status 0\)")
        self.assertEqual(done.returncode, 1)

    def test_what_a_peer_cannot_do_is_said_and_no_failure(self):
        done = perf(*QUICK, "--compare", peer("refuses"))
        self.assertIn("--compare compare_peer: it has no wish to?[31m do this", done.stderr)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (0, 1))
        self.assertIn("nothing could be compared", done.stdout)
        done = perf(*QUICK, "--compare", peer("cannot"))
        self.assertEqual((done.returncode, done.stderr), (0, "hfreduce-perf: --compare compare_peer: it has no such thing\n"))

    def test_what_is_not_there(self):
        self.refused("no program that can be started", *QUICK, "--compare", "exec:/no/such/program")
        self.refused("no program that can be started", *QUICK, "--compare", "exec:/etc/passwd")
        self.refused("without a program", *QUICK, "--compare", "exec:")
        self.refused("choose mpi, openmpi, mpich, gloo or exec:PROGRAM", *QUICK, "--compare", "nccl")
        for name, package in (("openmpi", "libopenmpi-dev"), ("mpich", "libmpich-dev"), ("gloo", "libgloo-dev")):
            if not (pathlib.Path(TOOL).parent / f"hfreduce-peer-{name}").exists():
                self.refused(package, *QUICK, "--compare", name)

    def test_ended_tool_leaves_no_peer(self):
        tool = subprocess.Popen([TOOL, *map(str, QUICK), "--compare", peer("hangs")], stderr=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL)
        time.sleep(2)
        tool.kill()
        tool.wait()
        for _ in range(50):
            left = subprocess.run(["pgrep", "-f", f"{HERE / 'compare_peer.py'} hangs"], capture_output=True, check=False)
            if left.returncode != 0:
                return
            time.sleep(0.1)
        self.fail("a peer outlived the tool")

    def test_libraries_that_are_installed(self):
        for name in ("openmpi", "mpich", "gloo"):
            if not (pathlib.Path(TOOL).parent / f"hfreduce-peer-{name}").exists():
                continue
            with tempfile.TemporaryDirectory() as folder, self.subTest(name):
                out = pathlib.Path(folder) / "out.json"
                done = perf("--ranks", 2, "-b", "4K", "-e", "4K", "-n", 8, "-d", "int32", "--limits", 0, "--place", "in",
                            "--offset", 12, "--compare", name, "--json", out)
                self.assertEqual(done.returncode, 0, done.stderr)
                results = json.loads(out.read_text())["results"]
                self.assertEqual([(r["library"], r["collective"]) for r in results],
                                 [(who, what) for what in ("allreduce", "broadcast") for who in ("hfreduce", name)])


def cell(value):
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def test_memory_that_peers_can_map_is_used_where_it_is(self):
        crowded = len(os.sched_getaffinity(0)) < 3
        claimed = "claimed" if crowded else "two-shot"
        mapped = {"zero-copy", "zero-copy-claimed"} if crowded else {"zero-copy", "zero-copy-shared"}
        for memory, algorithms in (("mapped", mapped), ("ordinary", {claimed, "direct"})):
            with tempfile.TemporaryDirectory() as folder:
                out = pathlib.Path(folder) / "out.json"
                done = perf("--ranks", 3, "-b", "64K", "-e", "64K", "-n", 8, "--limits", 0, "--memory", memory,
                            "--json", out)
                self.assertEqual(done.returncode, 0, done.stderr)
                said = json.loads(out.read_text())
                self.assertEqual(said["config"]["memory"], memory)
                self.assertEqual({r["algorithm"] for r in said["results"]}, algorithms)
                self.assertEqual({r["wrong"] for r in said["results"]}, {0})

    def test_csv_and_plot_hold_what_json_holds(self):
        done = perf(*QUICK[:-2], "-e", 1024, "-f", 4, "--place", "both", "--compare", peer("honest"), "--json",
                    self.path / "a.json", "--csv", self.path / "a.csv", "--plot", self.path / "a.svg")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        results = json.loads((self.path / "a.json").read_text())["results"]
        with open(self.path / "a.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 2 * 3 * 2)
        self.assertEqual([{k: cell(v) for k, v in r.items()} for r in results], rows)
        root = ElementTree.parse(self.path / "a.svg").getroot()
        titles = [t.text for t in root.iter("{http://www.w3.org/2000/svg}title")]
        self.assertEqual(sorted(titles), sorted(["hfreduce", "compare_peer"] * 4))

    def test_a_file_that_can_never_be_written_is_refused_before_anything_runs(self):
        for option, path, why in (("--json", self.path / "no" / "a", "No such file or directory"),
                                  ("--csv", self.path, "Is a directory"), ("--plot", "/proc/a.svg", "")):
            done = perf(*QUICK, option, path)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done.stderr)
            self.assertIn(f"hfreduce-perf: {option} {path}: {why}", done.stderr)
        done = perf(*QUICK, "--json", self.path / "a", "--plot", self.path / "a")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("--json and --plot name the same file", done.stderr)
        self.assertEqual(list(self.path.iterdir()), [], "nothing is left behind")

    def test_one_file_that_cannot_be_written_costs_no_other(self):
        (self.path / "old.csv").write_text("old")
        done = perf(*QUICK, "--json", "/dev/full", "--csv", self.path / "a.csv")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/dev/full: No space left on device", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn("0 OK", done.stdout)
        self.assertEqual((self.path / "a.csv").read_text().count("\n"), 2)
        self.assertEqual(sorted(f.name for f in self.path.iterdir()), ["a.csv", "old.csv"], "no half a file")

    def test_a_peer_of_any_name(self):
        name = os.fsencode(self.path / "pe") + b"\xffer"
        os.symlink(HERE / "compare_peer.py", name)
        done = subprocess.run([TOOL, *map(str, QUICK), "--compare", b"exec:" + name + b" honest", "--json", str(self.path / "a.json")],
                              capture_output=True, timeout=100, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        libraries = [r["library"] for r in json.loads((self.path / "a.json").read_text())["results"]]
        self.assertEqual(libraries, ["hfreduce", "pe\ufffder"])

    def test_closed_standard_descriptors_are_nobody_elses(self):
        for closed, status in ((">&-", 1), ("2>&-", 0), ("<&- 2>&-", 0)):
            out = self.path / "a.json"
            done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", TOOL, *map(str, QUICK), "--json", str(out)],
                                  capture_output=True, text=True, timeout=100, check=False)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIs(json.loads(out.read_text())["results"][0]["wrong"], 0)
            if status == 1:
                self.assertEqual(done.stderr, "hfreduce-perf: writing the results to standard output: Bad file descriptor\n")

    def test_a_plot_of_nothing_is_a_sentence(self):
        done = perf("allreduce", "--ranks", 2, "-b", 0, "-e", 0, "-n", 4, "--plot", self.path / "a.svg")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
        self.assertIn("there is nothing to draw", done.stderr)
        self.assertEqual(list(self.path.iterdir()), [])

    def test_a_baseline_tells_what_became_slower(self):
        old = self.path / "old.json"
        self.assertEqual(perf(*QUICK, "--json", old).returncode, 0)
        done = perf(*QUICK, "--baseline", old, "--tolerance", 1000)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"# Against {old}: 1 of 1 cases are in it; 0 slower", done.stdout)
        kept = json.loads(old.read_text())
        for result in kept["results"]:
            for field in ("median_us", "median_low_us", "median_high_us"):
                result[field] /= 1000
        old.write_text(json.dumps(kept))
        done = perf(*QUICK, "--baseline", old, "--json", old)
        self.assertEqual((done.returncode, done.stderr), (3, ""))
        self.assertIn("# SLOWER: allreduce of 64 B (float32 sum, in): ", done.stdout)
        self.assertIs(json.loads(old.read_text())["results"][0]["regressed"], True)

    def test_what_is_no_baseline_is_refused_before_anything_runs(self):
        old = self.path / "old.json"
        for text in ("", "{", "{}", '{"schema": 7, "results": []}', "\0" * 1000, '[' * 100_000):
            old.write_text(text)
            done = perf(*QUICK, "--baseline", old)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), text[:20])
            self.assertEqual(old.read_text(), text)
        done = perf(*QUICK, "--baseline", self.path / "missing.json")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("No such file", done.stderr)

    def test_a_baseline_of_other_cases(self):
        old = self.path / "old.json"
        perf(*QUICK, "--json", old)
        done = perf("broadcast", *QUICK[1:], "--baseline", old)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
        self.assertIn("has none of the cases of this run", done.stderr)
        for more, why in ((("--memory", "mapped"), 'memory "ordinary", this run is with "mapped"'), (("--offset", 16), "offset 0, "),
                          (("--persistent",), "persistent false, ")):
            done = perf(*QUICK, *more, "--baseline", old)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
            self.assertIn("was measured with " + why, done.stderr)


class Offset(unittest.TestCase):
    def test_buffers_that_do_not_begin_with_a_page(self):
        for memory in ("ordinary", "mapped"):
            with tempfile.TemporaryDirectory() as folder:
                out = pathlib.Path(folder) / "a.json"
                done = perf("--ranks", 2, "-b", 8, "-e", "2M", "-f", 64, "-n", 8, "--memory", memory, "--offset", 1040, "--json", out)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                said = json.loads(out.read_text())
            self.assertEqual(said["config"]["offset"], 1040)
            self.assertEqual([r["wrong"] for r in said["results"]], [0] * len(said["results"]))
            self.assertEqual({r["bytes"] for r in said["results"]}, {8, 512, 32 << 10, 2 << 20})

    def test_a_peer_is_told(self):
        for arguments, offset in (((), 0), (("--offset", 24), 24)):
            done = perf(*QUICK, *arguments, "--compare", peer("logs"), "--compare-patience", 2)
            self.assertIn(f"peer 0 has buffers at {offset}", done.stderr)


class Persistent(unittest.TestCase):
    def test_starts_of_one_request(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "a.json"
            done = perf("--ranks", 2, "-b", 8, "-e", "512K", "-f", 256, "-n", 40, "--persistent", "--limits", 0, "--json", out)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            said = json.loads(out.read_text())
        self.assertIn("each start and wait of a persistent request", done.stdout)
        self.assertTrue(said["config"]["persistent"])
        self.assertEqual([r["wrong"] for r in said["results"]], [0] * len(said["results"]))
        self.assertEqual({r["collective"] for r in said["results"]}, {"allreduce", "broadcast"})

    def test_what_it_is_not_for(self):
        for mode in ("overlap", "tune"):
            done = perf(mode, "--persistent")
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn("--persistent is for plain measurements", done.stderr)


class Overlap(unittest.TestCase):
    def test_a_computation_beside_a_request(self):
        with tempfile.TemporaryDirectory() as folder:
            out, table = pathlib.Path(folder) / "a.json", pathlib.Path(folder) / "a.csv"
            done = perf("overlap", "--ranks", 2, "-b", 64, "-e", "64K", "-f", 1024, "-n", 40, "--limits", 0, "--json", out,
                        "--csv", table)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            said = json.loads(out.read_text())
            with open(table, newline="") as file:
                rows = list(csv.DictReader(file))
        self.assertIn("# cores: 2 ranks on ", done.stdout)
        self.assertIn("0 OK", done.stdout)
        self.assertEqual(said["config"]["mode"], "overlap")
        self.assertEqual([(r["collective"], r["bytes"], r["place"]) for r in said["results"]],
                         [(what, size, place) for what in ("allreduce", "broadcast") for size in (64, 65536)
                          for place in ("out", "in")])
        self.assertEqual([{k: cell(v) for k, v in r.items()} for r in said["results"]], rows)
        for r in said["results"]:
            alone = (r["computation_us"], r["collective_us"])
            self.assertGreater(min(alone), 0)
            self.assertAlmostEqual(r["hidden_percent"], 100 * (sum(alone) - r["both_us"]) / min(alone), 3)
            self.assertGreaterEqual(r["both_us"], 0.5 * r["computation_us"], "the computation is in it")
            self.assertEqual(r["wrong"], 0)
            self.assertEqual(r["spare_cores"], max(0, r["cores"] - 2))

    def test_threads_and_one_rank(self):
        for how in (("-t", 2), ("--ranks", 1)):
            done = perf("overlap", "broadcast", *how, "-b", 4096, "-e", 4096, "-n", 8)
            self.assertEqual((done.returncode, done.stderr), (0, ""), how)

    def test_what_overlap_lacks(self):
        for more in (("--compare", "gloo"), ("--plot", "x.svg"), ("--baseline", "x.json")):
            done = perf("overlap", *more)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1))
            self.assertIn("overlap has no --compare, --baseline or --plot", done.stderr)


class Tune(unittest.TestCase):
    QUICK = ("--ranks", 2, "-b", 64, "-e", 64, "--cap", 0.05)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = pathlib.Path(folder.name) / "deep" / "tuning"

    def tune(self, *arguments, file=None, **how):
        return perf("tune", *arguments, environment={"HFREDUCE_TUNING": str(file or self.file)}, **how)

    def explained(self, **more):
        done = perf("allreduce", *self.QUICK[:6], "-n", 4, "--limits", 0,
                    environment={"HFREDUCE_TUNING": str(self.file), "HFREDUCE_EXPLAIN": "1", **more})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout, done.stderr

    def test_what_was_measured_is_kept_and_used(self):
        self.assertIn("built-in thresholds: `hfreduce-perf tune`", self.explained()[1])
        done = self.tune(*self.QUICK)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"Kept in {self.file}", done.stdout)
        lines = self.file.read_text().splitlines()
        self.assertEqual((lines[0], lines[2], lines[-1]), ("hfreduce-tuning 1", "shape 1 2 2", "end"))
        ways = [line.split() for line in lines[3:-1]]
        self.assertEqual({way[0] for way in ways}, {"allreduce", "broadcast"})
        self.assertLessEqual({"one-shot", "two-shot", "ring", "double-tree"}, {way[2] for way in ways})
        self.assertTrue(all(int(way[4]) > 0 for way in ways))
        self.assertIn("They were measured on this machine (allreduce: 64 B ", self.explained()[1])
        self.assertIn("keeps measured plans out", self.explained(HFREDUCE_DETERMINISTIC="1")[1])

        # The library does what the file says, whatever it says.
        self.file.write_text("\n".join(lines[:3] + ["allreduce 64 ring 0 5", "allreduce 64 one-shot 0 9", "end", ""]))
        results, said = self.explained()
        self.assertIn(" ring\n", results)
        self.assertIn("64 B ring in 0.005 us (one-shot 0.009)", said)
        self.assertIn(" one-shot\n", self.explained(HFREDUCE_DETERMINISTIC="1")[0])

        # Another shape is added, and this one stays; once it is damaged it does not.
        self.assertEqual(self.tune("-t", 3, *self.QUICK[2:]).returncode, 0)
        text = self.file.read_text()
        self.assertIn("shape 1 3 3\n", text)
        self.assertIn("shape 1 2 2\nallreduce 64 ring 0 5\n", text)
        self.file.write_text(text.replace("64 ring 0 5", "64 ring 0 x"))
        self.assertIn("are ignored: it is damaged at", self.explained()[1])
        self.tune("-t", 3, *self.QUICK[2:])
        self.assertNotIn("shape 1 2 2", self.file.read_text())

    def test_a_file_of_another_machine_or_none_is_ignored(self):
        self.file.parent.mkdir()
        for text, why in (("hfreduce-tuning 1\nmachine of another kind\nend\n", "of another machine"),
                          ("", "it does not begin with"), ("hfreduce-tuning 1\nmachine x\n", "its end is missing")):
            self.file.write_text(text)
            said = self.explained()[1]
            self.assertIn(why, said)
            self.assertEqual(said.count("are ignored"), 1)
        self.file.unlink()
        self.file.mkdir()
        self.assertIn("are ignored: it is no file that can be read", self.explained()[1])
        self.file.rmdir()
        self.assertEqual(self.tune(*self.QUICK).returncode, 0)
        self.assertNotIn("ignored", self.explained()[1])

    def test_calls_without_elements_have_no_plans(self):
        done = self.tune("allreduce", "--ranks", 2, "-b", 1, "-e", 64, "-f", 64, "--cap", 0.05)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertNotIn("ignored", self.explained()[1])
        for arguments, status, why in ((("--ranks", 2, "-b", 0, "-e", 0), 2, "without elements"),
                                       (("--ranks", 1, *self.QUICK[2:]), 1, "a rank alone")):
            done = self.tune(*arguments)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (status, "", 1), done.stderr)
            self.assertIn(why, done.stderr)

    def test_what_tune_cannot_do(self):
        done = self.tune(*self.QUICK, file="off")
        self.assertEqual((done.returncode, done.stderr.count("\n")), (1, 1))
        self.assertIn("no file to keep plans in", done.stderr)
        done = self.tune("allreduce", *self.QUICK, file="/dev/full")
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left", done.stderr)
        for more in (("--json", "x"), ("--algorithm", "ring"), ("--memory", "mapped"), ("overlap",)):
            done = self.tune(*self.QUICK, *more)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), more)


class Rounds(unittest.TestCase):
    ONE = ("allreduce", "--ranks", 2, "-b", 4096, "-e", 4096, "--place", "in")

    def result(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "a.json"
            done = perf(*self.ONE, *arguments, "--json", out)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return json.loads(out.read_text())["results"][0], done.stdout

    def test_rounds_go_on_until_the_median_is_known_or_time_is_up(self):
        result, _ = self.result("--until-tight", 0)
        self.assertEqual(result["rounds"], 4)
        result, _ = self.result("-n", 20)
        self.assertEqual(result["rounds"], 4)
        result, text = self.result("--until-tight", 0.0001, "--cap", 0.3)
        self.assertGreater(result["rounds"], 4)
        self.assertIn("# Loose: in 1 of 1 cases the median is not known to 0.0001 % (--cap)", text)
        result, text = self.result("--until-tight", 100)
        self.assertNotIn("# Loose", text)
        self.assertLessEqual(result["median_low_us"], result["median_us"])
        self.assertLessEqual(result["median_us"], result["median_high_us"])

    def test_it_says_when_others_use_the_machine(self):
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
                for _ in range(2 * len(os.sched_getaffinity(0)))]
        try:
            result, text = self.result("-b", "1M", "-e", "1M", "-n", 400)
        finally:
            for process in busy:
                process.kill()
                process.wait()
        self.assertIn("# NOISY: in 1 of 1 cases", text)
        self.assertIs(result["noisy"], True)


unittest.main()
