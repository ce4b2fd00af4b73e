#!/usr/bin/env python3
"""hfreduce-perf between hosts: other libraries beside ours on the same hosts, and a computation beside a request."""
import json
import math
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.network import Network  # noqa: E402
from harness.ranks import Job, placed  # noqa: E402
from harness.scenario import ROOT, TIME_SCALE, Skipped, main, scenario  # noqa: E402

PEER = ROOT / "tests" / "checks" / "compare_peer.py"
AGENT = pathlib.Path(__file__).resolve().parents[1] / "harness" / "netns-agent"
QUICK = ("-b", "4K", "-e", "64K", "-f", 16, "-n", 40, "-w", 4, "--limits", 0, "--compare-patience", 60)


def perf(context, *options):
    return [context.build / "bin" / "hfreduce-perf", *options]


def run(context, name, counts, *options, order=None, expected=(0,), seconds=200):
    """hfreduce-perf as plain ranks; returns what it printed and what it wrote. `order`: the host of each rank."""
    network = Network(len(counts))
    job = Job(context, name)
    out = job.folder / "out.json"
    pairs = placed(counts) if order is None else list(enumerate(order))
    for rank, host in pairs:
        plain = {"RANK": rank, "WORLD_SIZE": len(pairs), "MASTER_ADDR": network.address(0), "MASTER_PORT": 29500}
        job.start(perf(context, *options, "--json", out), host=network.hosts[host], environment=plain)
    codes = job.wait(seconds)
    text = "".join(rank.log.read_text() for rank in job.ranks)
    context.expect(set(codes) <= set(expected), f"exit statuses {codes}: {text}")
    return text, json.loads(out.read_text()) if out.exists() else None


def built(context, *names):
    found = [name for name in names if (context.build / "bin" / f"hfreduce-peer-{name}").exists()]
    if not found:
        raise Skipped(f"none of {', '.join(names)} was found when this was built")
    return found


def expect_columns(context, text, said, names, ranks):
    """Each library has a column, and a figure for each case, of as many ranks and hosts as ours."""
    context.expect("left out" not in text, text)
    head = next(line for line in text.splitlines() if line.startswith("#  ") and "size" in line)
    sizes = {result["bytes"] for result in said["results"]}
    context.expect(sizes == {4096, 65536}, f"sizes {sizes}")
    ours = [result for result in said["results"] if result["library"] == "hfreduce"]
    for name in names:
        context.expect(name in head, f"a column of {name}: {head}")
        for mine in ours:
            case = {key: mine[key] for key in ("collective", "type", "op", "root", "bytes", "place", "ranks", "hosts")}
            theirs = [r for r in said["results"] if r["library"] == name and case.items() <= r.items()]
            context.expect(len(theirs) == 1, f"one figure of {name} for {case}, not {len(theirs)}")
            context.expect(theirs[0]["median_us"] > 0 and theirs[0]["hosts"] == 2 and theirs[0]["ranks"] == ranks,
                           f"{theirs[0]}")
            ratio = theirs[0]["median_us"] / mine["median_us"]  # of figures of six digits, as it is one itself
            context.expect(math.isclose(theirs[0]["hfreduce_times_as_fast"], ratio, rel_tol=1e-5), "the ratio")


@scenario()
def compare_exec(context):
    """Anybody's library: each rank has its process on the host where it is itself."""
    text, said = run(context, "honest", [1, 2], *QUICK, "--place", "in", "--compare", f"exec:{PEER} honest")
    expect_columns(context, text, said, ["compare_peer"], 3)
    context.expect(all(r["min_us"] >= 300 for r in said["results"] if r["library"] == "compare_peer"),
                   "of three ranks, on both hosts, the slowest counts")
    context.expect_nothing_left()


@scenario()
def compare_exec_fails(context):
    """What fails on one host is left out on all, and ours go on."""
    for manner, sentence in (("dies", "its rank 1 ended (signal 9"), ("hangs", "its rank 1 has not answered within 3 s"),
                             ("nonsense", "which is none of")):
        text, said = run(context, manner, [1, 1], "allreduce", *QUICK[:-1], 3, "--compare", f"exec:{PEER} {manner}",
                         expected=(0, 1))
        context.expect(text.count(sentence) == 1 and text.count("left out from here on") == 1, f"{manner}: {text}")
        context.expect({r["library"] for r in said["results"]} == {"hfreduce"}, manner)
        context.expect("0 OK" in text, text)
    text, said = run(context, "missing", [1, 1], *QUICK, "--compare", "exec:/no/such/program", expected=(2,))
    context.expect(text.count("\n") == 1 and "no program that can be started" in text and said is None, text)


def compare(context, name, counts, **how):
    names = built(context, name)
    text, said = run(context, name, counts, *QUICK, "--place", "in", "--compare", name, **how)
    expect_columns(context, text, said, names, sum(counts))


@scenario()
def compare_gloo(context):
    compare(context, "gloo", [1, 1])
    context.expect_nothing_left()


@scenario()
def compare_openmpi(context):
    compare(context, "openmpi", [1, 1])


@scenario()
def compare_mpich(context):
    compare(context, "mpich", [1, 1])


@scenario()
def compare_ranks_in_turns(context):
    """Ranks 0 and 2 on one host, 1 on the other: the other library's are where ours are."""
    name = built(context, "openmpi", "gloo")[0]
    compare(context, name, [2, 1], order=[0, 1, 0])


@scenario(needs=["mpirun"])
def compare_under_mpirun(context):
    """Ours are started by Open MPI, which has left its word in the environment; theirs are nobody's."""
    names = built(context, "openmpi", "mpich", "gloo")
    network = Network(2)
    job = Job(context)
    where = f"{network.address(0)}:1,{network.address(1)}:1"
    quiet = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--mca", "plm_rsh_agent", AGENT]
    job.start(["mpirun", *quiet, "-np", 2, "--host", where,
               *perf(context, *QUICK, "--place", "in", "--compare", ",".join(names), "--json", job.folder / "out.json")],
              host=network.hosts[0], environment={"HFREDUCE_SECRET_FILE": ""})
    codes = job.wait(200)
    text = job.ranks[0].log.read_text()
    context.expect(codes == [0], text)
    expect_columns(context, text, json.loads((job.folder / "out.json").read_text()), names, 2)


def others_alive():
    """Processes of this sandbox, by what they run as, that a comparison has started."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has just ended
            continue
        name = pathlib.Path(words[0].decode(errors="replace")).name
        if name.startswith(("hfreduce-p", "mpirun", "mpiexec", "orted", "hydra")) or b"orted" in b" ".join(words):
            found.append(name)
    return found


@scenario()
def compare_killed(context):
    """When our ranks are killed in the midst of it, launchers, daemons and ranks of the others all go."""
    names = built(context, "openmpi", "mpich", "gloo")
    network = Network(2)
    job = Job(context)
    for rank in range(2):
        plain = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": network.address(0), "MASTER_PORT": 29500}
        job.start(perf(context, "allreduce", "-b", 64, "-e", "64M", "-f", 2, "--compare", ",".join(names)),
                  host=network.hosts[rank], environment=plain)
    end = time.monotonic() + 60 * TIME_SCALE
    while "(B)" not in job.ranks[0].log.read_text():
        context.expect(time.monotonic() < end, "a first row within a minute")
        time.sleep(0.1)
    alive = others_alive()
    context.expect(sum(name.startswith("hfreduce-peer-") for name in alive) >= 2 * len(names), f"{alive}")
    job.kill()
    end = time.monotonic() + 15 * TIME_SCALE
    while others_alive():
        context.expect(time.monotonic() < end, f"still there: {others_alive()}")
        time.sleep(0.1)
    context.say(f"{len(alive)} processes are gone")


@scenario()
def tuned_plans(context):
    """Plans are measured between hosts and kept; later rank 0's file decides for all, whatever another host's says."""
    files = [context.work / f"tuning-{host}" for host in range(2)]

    def both(name, *options):
        network = Network(2)
        job = Job(context, name)
        for rank in range(2):
            plain = {"RANK": rank, "WORLD_SIZE": 2, "MASTER_ADDR": network.address(0), "MASTER_PORT": 29500,
                     "HFREDUCE_TUNING": files[rank], "HFREDUCE_EXPLAIN": 1}
            job.start(perf(context, *options, "-b", "64K", "-e", "64K"), host=network.hosts[rank], environment=plain)
        codes = job.wait(100)
        text = "".join(rank.log.read_text() for rank in job.ranks)
        context.expect(codes == [0, 0], f"exit statuses {codes}: {text}")
        return text

    text = both("tune", "tune", "--cap", "0.1")
    context.expect(f"Kept in {files[0]}" in text and not files[1].exists(), text)
    lines = files[0].read_text().splitlines()
    context.expect(lines[2] == "shape 2 1 1" and any(" double-tree " in line for line in lines), "\n".join(lines))
    quick = ("allreduce", "-n", 8, "-w", 2, "--limits", 0, "--place", "in")
    for first, second in (("double-tree", "ring"), ("hierarchical-ring", "double-tree")):
        for file, way in zip(files, (first, second)):
            file.write_text("\n".join([*lines[:3], f"allreduce 65536 {way} 0 10", "end", ""]))
        text = both(f"use-{first}", *quick)
        context.expect(f" {first}\n" in text and "0 OK" in text, text)
        context.expect(f"64 KiB {first} in 0.01 us" in text, text)
    context.expect_nothing_left()


@scenario()
def overlap(context):
    """A computation beside a request that goes between hosts; cores of pretended hosts are shared, and that is said."""
    text, said = run(context, "overlap", [1, 1], "overlap", *QUICK[:-2])
    context.expect("# cores: 2 ranks on " in text, text)
    context.expect(len(said["results"]) == 8, f"{len(said['results'])} results")
    for result in said["results"]:
        context.expect(result["hosts"] == 2 and result["wrong"] == 0 and result["ranks_on_machine"] == 2, str(result))
        context.expect(min(result["computation_us"], result["collective_us"], result["both_us"]) > 0, str(result))


main()
