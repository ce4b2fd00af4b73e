#!/usr/bin/env python3
"""The Debian packages: built, looked into, installed into a copy of this machine that is thrown away (an overlay over
its file system), used there as a user would, and removed again. `package_test.py BUILD [unittest arguments]`."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = (ROOT / "VERSION").read_text().strip()
RUNTIME = "libhfreduce" + VERSION.split(".")[0]
NAMES = (RUNTIME, "libhfreduce-dev", "hfreduce-tools")
OVERLAY = "mount -t tmpfs none {0} && mkdir {0}/up {0}/work {0}/root && " \
    "mount -t overlay none -o lowerdir=/,upperdir={0}/up,workdir={0}/work {0}/root"


def run(command, expected=0, **how):
    done = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **how)
    if (done.returncode == 0) != (expected == 0):
        sys.exit(f"{done.stdout}\nexit status {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout


def missing(work):
    """Why packages cannot be tried here; None if they can."""
    for program in ("dpkg-deb", "dpkg-shlibdeps", "unshare", "file", "cmake", "ninja"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if os.geteuid() != 0:
        return "installing packages needs root"
    # Other file systems, of /usr or /var say, would be missing from the copy.
    whole = f" && chroot {work}/root dpkg -s dpkg"
    if subprocess.run(["unshare", "--mount", "sh", "-c", OVERLAY.format(work) + whole], capture_output=True).returncode:
        return "this machine does not let us mount an overlay over its file system"
    return None


class Copy:
    """This machine's file system, with what is written to it kept apart. In a mount namespace of its own, so that
    nothing of it outlives this process."""

    def __init__(self, work, visible):
        run(["sh", "-c", OVERLAY.format(work)])
        self.root = work / "root"
        run(["mount", "-t", "tmpfs", "none", self.root / "tmp"])  # first: the tree may lie in /tmp
        for folder in (pathlib.Path("/proc"), pathlib.Path("/sys"), pathlib.Path("/dev"), *visible):
            (self.root / folder.relative_to("/")).mkdir(parents=True, exist_ok=True)
            run(["mount", "--rbind", folder, self.root / folder.relative_to("/")])

    def run(self, *command, expected=0):
        clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
        print("#", *command, flush=True)
        return run(["chroot", self.root, *command], expected, env=clean)

    def named_hfreduce(self):
        found = []
        for folder in ("usr", "etc", "var/lib/dpkg/info"):
            for where, folders, files in os.walk(self.root / folder):
                found += [os.path.join(where, name) for name in folders + files if "hfreduce" in name]
        return found


class Packages(unittest.TestCase):
    def field(self, name, field):
        return run(["dpkg-deb", "-f", FILES[name], field]).strip()

    def contents(self, name):
        lines = run(["dpkg-deb", "-c", FILES[name]]).splitlines()
        for line in lines:
            self.assertEqual(line.split()[1], "root/root", line)
            self.assertRegex(line, r"^(drwxr-xr-x|-rw[-x]r-[-x]r-[-x]|l)", "modes that do not hang on a umask")
        return [line.split()[5].lstrip(".") for line in lines]

    def test_fields(self):
        architecture = run(["dpkg", "--print-architecture"]).strip()
        for name in NAMES:
            self.assertRegex(self.field(name, "Version"), rf"^{re.escape(VERSION)}-\d+$")
            self.assertEqual(self.field(name, "Architecture"), architecture)
            self.assertRegex(self.field(name, "Maintainer"), "^.+ <.+@.+>$")
        for name in (RUNTIME, "hfreduce-tools"):
            self.assertRegex(self.field(name, "Depends"), r"libc6 \(>= .*libfmt", "by dpkg-shlibdeps")
        self.assertIn("libsodium", self.field(RUNTIME, "Depends"))
        self.assertIn(f"{RUNTIME} (>= {VERSION})", self.field("hfreduce-tools", "Depends"))
        self.assertEqual(self.field("libhfreduce-dev", "Depends"), f"{RUNTIME} (= {self.field(RUNTIME, 'Version')})")

    def test_who_has_which_file(self):
        def has(name, pattern):
            return any(re.search(pattern, path) for path in self.contents(name))

        owners = {r"/libhfreduce\.so\.\d+\.\d+\.\d+$": RUNTIME, r"/libhfreduce\.so$": "libhfreduce-dev",
                  r"/usr/include/hfreduce\.h$": "libhfreduce-dev", r"/hfreduce-config\.cmake$": "libhfreduce-dev",
                  r"/hfreduce\.pc$": "libhfreduce-dev", r"/usr/bin/hfreduce-perf$": "hfreduce-tools",
                  r"/usr/bin/hfreduce-sched$": "hfreduce-tools",
                  r"/usr/share/man/man1/hfreduce-perf\.1\.gz$": "hfreduce-tools"}
        for pattern, owner in owners.items():
            self.assertEqual([name for name in NAMES if has(name, pattern)], [owner], pattern)
        for name in NAMES:
            self.assertTrue(has(name, f"/usr/share/doc/{name}/copyright$"))
            self.assertTrue(has(name, f"/usr/share/doc/{name}/changelog.Debian.gz$"))
        self.assertIn(f"libhfreduce {RUNTIME[11:]} {RUNTIME} (>=", run(["dpkg-deb", "-I", FILES[RUNTIME], "shlibs"]))

    def test_nothing_knows_where_it_was_built(self):
        for name in NAMES:
            unpacked = WORK / "unpacked" / name
            unpacked.mkdir(parents=True)
            run(["dpkg-deb", "-x", FILES[name], unpacked])
            for file in unpacked.glob("**/*"):
                if file.is_file():
                    self.assertNotIn(os.fsencode(str(BUILD)), file.read_bytes(), str(file))
            for program in unpacked.glob("usr/bin/*"):
                self.assertNotIn("RUNPATH", run(["readelf", "-d", program]))

    def test_lintian_finds_no_error(self):
        if shutil.which("lintian") is None:
            self.assertFalse(os.environ.get("HFR_NO_SKIP"), "lintian is not installed")
            self.skipTest("lintian is not installed")
        said = run(["lintian", "--allow-root", "--fail-on", "error", *FILES.values()])
        self.assertNotIn("manual-page", said)

    def test_a_version_without_its_changes_is_not_packaged(self):
        tree = WORK / "tree"
        for part in ("scripts", "packaging"):
            shutil.copytree(ROOT / part, tree / part, dirs_exist_ok=True)
        (tree / "VERSION").write_text("99.0.0\n")
        self.assertIn("write down what changed", run([tree / "scripts/package", WORK / "none"], expected=1))
        self.assertFalse((WORK / "none").exists())


class Installed(unittest.TestCase):
    """In order: each test uses what the one before it left."""

    def test_1_the_tools_alone_lack_the_library(self):
        COPY.run("dpkg", "--purge", *reversed(NAMES))  # of this machine, should it have them
        said = COPY.run("dpkg", "-i", FILES["hfreduce-tools"], expected=1)
        self.assertIn(f"hfreduce-tools depends on {RUNTIME}", said)

    def test_2_all_of_them_go_in(self):
        COPY.run("dpkg", "-i", *FILES.values())
        for name in NAMES:
            self.assertIn("Status: install ok installed", COPY.run("dpkg", "-s", name))
        self.assertIn("libhfreduce.so." + RUNTIME[11:], COPY.run("ldconfig", "-p"))

    def test_3_a_project_builds_against_them(self):
        for way in ("package", "pkgconfig"):
            folder = f"/tmp/consumer-{way}"
            COPY.run("cmake", "-S", ROOT / "tests/consumer", "-B", folder, "-G", "Ninja", f"-Dway={way}")
            COPY.run("cmake", "--build", folder)
            for program in ("consumer_c", "consumer_cc"):
                self.assertRegex(COPY.run("ldd", f"{folder}/{program}"), r"libhfreduce\.so\.\d+ => (/usr)?/lib/")
                COPY.run(f"{folder}/{program}")

    def test_4_the_tools_run(self):
        said = COPY.run("hfreduce-perf", "allreduce", "--ranks", "2", "-b", "8", "-e", "4K", "-n", "20", "--limits", "0")
        self.assertIn("# Wrong elements    : 0 OK", said)
        self.assertIn(VERSION, COPY.run("hfreduce-perf", "--version"))
        self.assertIn(" proved ", COPY.run("hfreduce-sched", "verify", "--algorithm", "ring", "--ranks", "1-3"))

    def test_5_nothing_stays_behind(self):
        self.assertIn("libhfreduce-dev depends on", COPY.run("dpkg", "-r", RUNTIME, expected=1))
        self.assertNotEqual(COPY.named_hfreduce(), [])
        COPY.run("dpkg", "--purge", *reversed(NAMES))
        self.assertEqual(COPY.named_hfreduce(), [])
        self.assertNotIn("libhfreduce.so", COPY.run("ldconfig", "-p"))


BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
WORK = BUILD / "package-test"
if os.environ.pop("HFR_IN_NAMESPACE", None) is None:
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "copy").mkdir(parents=True)
    why = missing(WORK / "copy")
    if why:
        print(f"packages: {why}")
        sys.exit(1 if os.environ.get("HFR_NO_SKIP") else 77)
    os.environ["HFR_IN_NAMESPACE"] = "1"
    inner = [sys.executable, __file__, str(BUILD), *sys.argv[1:]]
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", *inner])
# Beside the build folder, not in it: there the compiler's cache knows what that has compiled.
print(run([ROOT / "scripts/package", WORK / "packages", BUILD.parent / f"{BUILD.name}-package"]))
FILES = {path.name.split("_")[0]: path for path in sorted((WORK / "packages").glob("*.deb"))}
assert sorted(FILES) == sorted(NAMES), FILES
COPY = Copy(WORK / "copy", [ROOT, BUILD])
unittest.main()
