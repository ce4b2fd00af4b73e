#!/usr/bin/env python3
"""Right results between hosts: shapes, address families, ways to place ranks."""
import os
import pathlib
import resource
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.network import Network  # noqa: E402
from harness.ranks import Job, placed, start_plain  # noqa: E402
from harness.scenario import main, scenario  # noqa: E402


def ops(count):
    """A fourth of it for HFR_TEST_QUICK, as under a sanitizer."""
    return count // 4 if os.environ.get("HFR_TEST_QUICK") else count


def run_shapes(context, hosts, shapes, *options, **how):
    network = Network(hosts, decoy=how.pop("decoy", False))
    for shape in shapes:
        name = "-".join(map(str, shape))
        job = Job(context, name)
        seed = context.random.randrange(1, 1 << 31)
        context.say(f"{name} ranks on the hosts, sequence {seed}")
        ranks = start_plain(job, network, shape, "--seed", seed, *options, **how)
        context.expect_success(job, ranks, 90)
    context.expect_nothing_left()


@scenario()
def two_hosts(context):
    run_shapes(context, 2, [[1, 1], [2, 1], [1, 3], [2, 2], [3, 2]], "--ops", ops(200))


@scenario()
def four_hosts(context):
    run_shapes(context, 4, [[1, 1, 1, 1], [1, 3, 2, 1], [2, 2, 2, 2]], "--ops", 200)


@scenario()
def three_hosts_large(context):
    run_shapes(context, 3, [[2, 1, 2]], "--ops", 100, "--min-bytes", "100000", "--max-bytes", "6000000")


ALGORITHMS = ("one-shot", "two-shot", "ring", "double-tree", "recursive-doubling", "hierarchical-ring", "hierarchical-tree", "eager",
              "direct", "chain", "tree", "binomial", "hierarchical-chain", "zero-copy", "zero-copy-shared", "claimed",
              "zero-copy-claimed")


@scenario()
def every_algorithm(context):
    """Each forced where it applies (elsewhere the planner chooses), on one host and on three."""
    for hosts, shape, algorithms in ((1, [2], ["alternating"]), (1, [5], ALGORITHMS), (3, [3, 1, 2], ALGORITHMS)):
        network = Network(hosts)
        for algorithm in algorithms:
            job = Job(context, f"{algorithm}-{hosts}")
            ranks = start_plain(job, network, shape, "--seed", context.random.randrange(1 << 31), "--ops", 100, "--mapped", 80,
                                environment={"HFREDUCE_ALGORITHM": algorithm})
            context.say(f"{algorithm}, {shape}")
            context.expect_success(job, ranks, 60)


@scenario()
def groups(context):
    """Ranks in groups that the user names, in two levels on one host and in some of each of two hosts."""
    for shape, labels, algorithms in (
            ([6], ["a", "b", "a", "b", "b", "c"], ["grouped", "hierarchical-tree", ""]),
            ([8], ["p/a", "q/a", "p/b", "q/b"] * 2, ["grouped"]),
            ([4, 5], ["a", "b", "a", "b", "a", "a", "b", "b", "b"],
             ["hierarchical-ring", "hierarchical-tree", "hierarchical-chain"])):
        network = Network(len(shape))
        for algorithm in algorithms:
            job = Job(context, f"{algorithm or 'planned'}-{'-'.join(map(str, shape))}")
            ranks = start_plain(job, network, shape, "--seed", context.random.randrange(1 << 31), "--ops", 150,
                                environment=lambda rank: {"HFREDUCE_GROUP": labels[rank], "HFREDUCE_ALGORITHM": algorithm})
            context.say(f"{algorithm or 'as planned'}, {shape}")
            context.expect_success(job, ranks, 60)


@scenario()
def mapped_memory(context):
    """Buffers that peers can map, on all ranks or some, on one host (used where they are) and between two."""
    run_shapes(context, 1, [[2], [4], [5]], "--ops", 300, "--mapped", 70)
    run_shapes(context, 2, [[3, 2]], "--ops", 100, "--mapped", 70)


@scenario()
def ipv6(context):
    run_shapes(context, 2, [[2, 2]], "--ops", 100, v6=True)


@scenario()
def decoy_interface(context):
    """Every host has a docker0 with the same address: it must not be chosen."""
    run_shapes(context, 2, [[1, 2]], "--ops", 100, decoy=True)


@scenario()
def one_rank(context):
    run_shapes(context, 1, [[1]], "--ops", 200)


@scenario()
def more_ranks_than_cores(context):
    run_shapes(context, 1, [[8], [16], [32]], "--ops", 100, "--max-bytes", "200000")


@scenario()
def leaving_in_any_order(context):
    """Short jobs of many ranks: who leaves first is another every time, and those who stay lose nothing."""
    network = Network(1)
    for trial in range(20):
        job = Job(context, f"trial-{trial}")
        start_plain(job, network, [32], "--seed", context.seed + trial, "--ops", 20, "--max-bytes", 20000)
        context.expect_success(job, 32)


@scenario()
def idle_costs_nothing(context):
    """Ranks that compute for four seconds between two calls use no processor time for us."""
    network = Network(2)
    job = Job(context)
    start_plain(job, network, [4, 4], "--ops", 1, "--max-bytes", 1000, "--pause-us", 4000000)
    ends = context.expect_success(job, 8, 30)
    before = {event["rank"]: event["cpu_ms"] for event in job.events("joined")}
    used = [end["cpu_ms"] - before[end["rank"]] for end in ends]
    context.say(f"processor time of each in 4 s: {used} ms")
    context.expect(max(used) <= 40, "an idle communicator burns processor time")


@scenario()
def several_communicators(context):
    run_shapes(context, 2, [[2, 2]], "--ops", ops(200), "--comms", 3)


@scenario()
def split_halves(context):
    # The two halves compute different things, so hashes are compared within each.
    network = Network(2)
    job = Job(context)
    start_plain(job, network, [3, 2], "--seed", context.seed, "--ops", 200, "--split", 1)
    codes = job.wait(90)
    context.expect_no_wrong(job)
    context.expect(not any(codes) and not job.events("error"), f"errors: {job.events('error')[:3]}")
    ends = job.events("end")
    context.expect(len(ends) == 5, "five ranks end")
    for parity in (0, 1):
        hashes = {end["hash"] for end in ends if end["rank"] % 2 == parity}
        context.expect(len(hashes) == 1, "results differ within a half")


@scenario()
def threads_as_ranks(context):
    """Two processes of two ranks each on one host, one of three on another; the id goes through a file."""
    network = Network(2)
    job = Job(context)
    first = 0
    for host, threads in ((0, 2), (0, 2), (1, 3)):
        job.start(job.exercise("--join", "file", "--id-file", job.folder / "id", "--rank", first,
                               "--threads", threads, "--ranks", 7, "--seed", context.seed,
                               "--ops", ops(200)), host=network.hosts[host])
        first += threads
    context.expect_success(job, 7, 90)
    context.expect_nothing_left()


@scenario()
def unique_id(context):
    """No environment at all, no secret file: the id carries everything. Two communicators."""
    network = Network(2)
    job = Job(context)
    for rank, host in placed([2, 2]):
        job.start(job.exercise("--join", "file", "--id-file", job.folder / "id", "--rank", rank, "--comms",
                               2, "--ranks", 4, "--seed", context.seed, "--ops", 100),
                  host=network.hosts[host], environment={"HFREDUCE_SECRET_FILE": ""})
    context.expect_success(job, 4, 60)


@scenario(shm_bytes=1 << 16)
def tiny_shared_memory(context):
    """/dev/shm of 64 KiB: shared memory does not come from there."""
    run_shapes(context, 1, [[4]], "--ops", 100)


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


@scenario()
def few_file_descriptors(context):
    """RLIMIT_NOFILE 64 is enough for 12 ranks on three hosts."""
    run_shapes(context, 3, [[4, 4, 4]], "--ops", 60, limits=few_descriptors)


@scenario()
def a_thousand_signals_a_second(context):
    network = Network(2)
    job = Job(context)
    start_plain(job, network, [2, 2], "--seed", context.seed, "--ops", 100, "--seconds", 3,
                "--timer-hz", 1000)
    ends = context.expect_success(job, 4, 60)
    context.expect(all(end["signals"] > 500 for end in ends), "signals did come")


main()
