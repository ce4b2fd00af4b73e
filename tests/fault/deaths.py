#!/usr/bin/env python3
"""A rank is killed at a random moment: every other rank says so within a second, nothing is left behind, and
the survivors go on with a new communicator in the same processes."""
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.network import Network  # noqa: E402
from harness.ranks import Job, start_plain  # noqa: E402
from harness.scenario import main, scenario  # noqa: E402

TRIALS = 20


def kill_once(context, network, shape, trial, victim, *options, says=None, environment=None):
    job = Job(context, f"trial-{trial}")
    ranks = sum(shape)
    seed = context.random.randrange(1, 1 << 31)
    start_plain(job, network, shape, "--seed", seed, "--seconds", 60, "--max-bytes", 2 << 20,
                "--recover", job.folder, *options, environment=environment)
    job.wait_events("joined", ranks, 30)
    time.sleep(context.random.uniform(0, 0.3))
    killed = time.monotonic_ns()
    job.ranks[victim].signal(signal.SIGKILL)
    others = [rank for rank in range(ranks) if rank != victim]
    took = context.expect_errors(job, others, killed, 1.0, ["PeerDead"], about=[victim])
    recovered = job.wait_events("recovered", ranks - 1, 30)
    context.expect(all(event["well"] for event in recovered), f"a new communicator: {recovered}")
    job.wait(20)
    context.expect_no_wrong(job)
    context.expect_nothing_left()
    if says is not None:
        context.expect(any(says in rank.log.read_text() for rank in job.ranks), f"nobody says: {says}")
    return took


def kill_many(context, shape, victims, *options, trials=TRIALS, **more):
    network = Network(len(shape))
    times = []
    for trial in range(trials):
        times.append(kill_once(context, network, shape, trial, context.random.choice(victims), *options, **more))
        context.say(f"trial {trial + 1}: all others knew within {times[-1] * 1000:.0f} ms")
    times.sort()
    context.say(f"{trials} kills: median {times[trials // 2] * 1000:.0f} ms, most {times[-1] * 1000:.0f} ms")


@scenario()
def kill_on_one_host(context):
    kill_many(context, [4], [0, 1, 2, 3])


@scenario()
def kill_with_mapped_memory(context):
    """Also while others read and write the memory of the one that is killed."""
    kill_many(context, [4], [0, 1, 2, 3], "--mapped", 90, "--min-bytes", 4096)


@scenario()
def kill_while_memory_is_read(context):
    """Also while others read the private memory of the one that is killed, with process_vm_readv."""
    kill_many(context, [4], [0, 1, 2, 3], "--collective", 1, "--min-bytes", 1 << 20, "--max-bytes", 8 << 20,
              "--seconds", 60, trials=8, says="A broadcast can copy ordinary buffers once",
              environment={"HFREDUCE_ALGORITHM": "zero-copy", "HFREDUCE_EXPLAIN": 1})


@scenario()
def kill_while_claiming(context):
    """Also when the one that is killed has claimed work of all."""
    kill_many(context, [4], [0, 1, 2, 3], "--collective", 0, "--min-bytes", 4096, trials=TRIALS // 2,
              environment={"HFREDUCE_ALGORITHM": "claimed"})


@scenario()
def kill_while_claiming_mapped_memory(context):
    kill_many(context, [4], [0, 1, 2, 3], "--collective", 0, "--min-bytes", 4096, "--mapped", 90, trials=TRIALS // 2,
              environment={"HFREDUCE_ALGORITHM": "zero-copy-claimed"})


@scenario()
def kill_while_a_broadcast_is_shared(context):
    """Also while all write into the memory of the one that is killed."""
    kill_many(context, [4], [0, 1, 2, 3], "--collective", 1, "--min-bytes", 4096, "--mapped", 100, trials=TRIALS // 2,
              environment={"HFREDUCE_ALGORITHM": "zero-copy-shared"})


@scenario()
def kill_between_hosts(context):
    kill_many(context, [2, 2], [0, 1, 2, 3])


@scenario()
def kill_whole_host(context):
    """All ranks of a host die at once."""
    network = Network(3)
    for trial in range(5):
        job = Job(context, f"trial-{trial}")
        start_plain(job, network, [2, 2, 1], "--seconds", 60, "--recover", job.folder, "--without", "2,3")
        job.wait_events("joined", 5, 30)
        time.sleep(context.random.uniform(0, 0.3))
        killed = time.monotonic_ns()
        for victim in (2, 3):
            job.ranks[victim].signal(signal.SIGKILL)
        context.expect_errors(job, [0, 1, 4], killed, 1.0, ["PeerDead"], about=[2, 3])
        job.wait_events("recovered", 3, 30)
        job.wait(20)
        context.expect_no_wrong(job)
    context.expect_nothing_left()


@scenario()
def kill_everybody(context):
    """Nothing is left, and the same ports serve the next job at once."""
    network = Network(2)
    for trial in range(10):
        job = Job(context, f"trial-{trial}")
        start_plain(job, network, [2, 2], "--seconds", 60)
        job.wait_events("joined", 4, 30)
        time.sleep(context.random.uniform(0, 0.2))
        job.kill()
        context.expect_nothing_left()
    job = Job(context, "last")
    start_plain(job, network, [2, 2], "--seed", context.seed)
    context.expect_success(job, 4)


@scenario()
def kill_while_joining(context):
    """A rank dies in some phase of joining: the others fail, naming it, at the latest at their deadline."""
    network = Network(2)
    for trial in range(12):
        job = Job(context, f"trial-{trial}")
        victim = context.random.randrange(5)
        start_plain(job, network, [3, 2], "--init-timeout-ms", 4000, "--seconds", 20)
        time.sleep(context.random.uniform(0, 0.12))
        killed = time.monotonic_ns()
        job.ranks[victim].signal(signal.SIGKILL)
        others = [rank for rank in range(5) if rank != victim]
        took = wait_for_errors(context, job, others, killed)
        context.say(f"trial {trial + 1}: rank {victim} killed, all others ended within {took:.2f} s")
        job.wait(20)
        context.expect_no_wrong(job)
    context.expect_nothing_left()


def wait_for_errors(context, job, others, killed):
    """Before it has joined, a rank's number is not known to its events: counted by process."""
    end = time.monotonic() + 15
    pids = {job.ranks[rank].pid for rank in others}
    while True:
        errors = [event for event in job.events("error") if event["pid"] in pids]
        if len(errors) == len(pids):
            break
        context.expect(time.monotonic() < end, f"{len(errors)} of {len(pids)} ended after 15 s")
        time.sleep(0.02)
    for error in errors:
        context.expect(error["code"] in (8, 100, 6), f"Timeout or PeerDead: {error}")
    took = max((error["returned_ns"] - killed) / 1e9 for error in errors)
    context.expect(took < 5.5, f"took {took:.1f} s")
    return took


@scenario()
def rank_exits(context):
    """A process that ends by itself, without a word, is as dead as a killed one."""
    network = Network(2)
    job = Job(context)
    start_plain(job, network, [2, 2], "--seed", context.seed, "--ops", 300, "--misbehave", "exit", "--who", 3,
                "--at", 50, "--recover", job.folder)
    moment = job.wait_events("misbehaving", 1, 30)[0]["mono_ns"]
    took = context.expect_errors(job, [0, 1, 2], moment, 1.0, ["PeerDead"], about=[3])
    context.say(f"all others knew within {took * 1000:.0f} ms")
    job.wait_events("recovered", 3, 20)
    job.wait(20)
    context.expect_no_wrong(job)


main()
