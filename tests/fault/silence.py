#!/usr/bin/env python3
"""Hosts that fall silent, ranks that stand still, networks that lose: who is unreachable is named in time, who
is only slow is waited for."""
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.network import Network  # noqa: E402
from harness.ranks import Job, start_plain  # noqa: E402
from harness.scenario import main, scenario  # noqa: E402

# How late the measuring may be: the fault takes hold a little after the command that makes it.
SLACK = 0.3


def fall_silent(context, shape, fault, prepare=lambda network: None):
    """`fault` makes a host silent while all ranks work."""
    network = Network(len(shape))
    prepare(network)
    job = Job(context)
    ranks = start_plain(job, network, shape, "--seed", context.seed, "--seconds", 60)
    job.wait_events("joined", ranks, 30)
    time.sleep(0.3)
    fault(network)
    moment = time.monotonic_ns()
    took = context.expect_errors(job, list(range(ranks)), moment, 6.0 + SLACK,
                                 ["PeerUnreachable", "PeerDead"])
    unreachable = [e for e in job.events("error") if e["code"] == 101]
    context.expect(unreachable, "somebody says PeerUnreachable")
    context.say(f"all {ranks} ranks knew within {took:.2f} s: {unreachable[0]['text']}")
    job.wait(20)
    context.expect_no_wrong(job)
    context.expect_nothing_left()


@scenario(needs=["nft"])
def link_down(context):
    fall_silent(context, [2, 2], lambda network: network.cut_link(1))


@scenario(needs=["nft"])
def link_down_when_answers_were_slow(context):
    """A busy host's connections wait long before they send anything twice: silence is not counted by that."""
    fall_silent(context, [2, 2], lambda network: network.cut_link(1),
                prepare=lambda network: network.expect_slow_answers(3))


@scenario(needs=["nft"])
def root_host_down(context):
    fall_silent(context, [2, 1, 1], lambda network: network.cut_link(0))


@scenario(needs=["nft"])
def one_way_in(context):
    fall_silent(context, [2, 1, 1], lambda network: network.drop(1, "input"))


@scenario(needs=["nft"])
def one_way_out(context):
    fall_silent(context, [2, 1, 1], lambda network: network.drop(1, "output"))


@scenario(needs=["nft"])
def idle_host_down(context):
    """Nobody is in a call of that moment's length: ranks compute, and still hear of it."""
    network = Network(2)
    job = Job(context)
    start_plain(job, network, [2, 1], "--ops", 3, "--seconds", 60, "--max-bytes", 1000, "--pause-us", 8000000)
    job.wait_events("joined", 3, 30)
    time.sleep(1)
    network.cut_link(1)
    # Each learns it from its next call, at once: the calls are 8 s apart.
    errors = job.wait_events("error", 3, 20)
    for error in errors:
        took = (error["returned_ns"] - error["started_ns"]) / 1e9
        context.expect(took < 0.5, f"a call after the failure took {took:.2f} s: {error}")
        context.expect(error["code"] in (100, 101), f"{error}")
    job.wait(20)
    context.expect_no_wrong(job)


def stopped(context, shape, victim, seconds):
    network = Network(len(shape))
    job = Job(context)
    ranks = start_plain(job, network, shape, "--seed", context.seed, "--ops", 40, "--seconds", seconds + 4,
                        "--min-bytes", 200000, "--max-bytes", 4 << 20)
    job.wait_events("joined", ranks, 30)
    time.sleep(0.5)
    job.ranks[victim].signal(signal.SIGSTOP)
    time.sleep(seconds)
    context.expect(not job.events("error"), f"an error while one stands still: {job.events('error')}")
    job.ranks[victim].signal(signal.SIGCONT)
    context.expect_success(job, ranks, 60)


@scenario()
def stopped_for_20_s(context):
    """With full windows, then continued: no error."""
    stopped(context, [2, 2], 2, 20)


@scenario()
def stopped_root_for_8_s(context):
    stopped(context, [2, 1], 0, 8)


@scenario()
def stopped_on_one_host(context):
    stopped(context, [3], 1, 8)


def lossy(context, percent):
    network = Network(2)
    for host in (0, 1):
        network.drop(host, "input", percent)
    job = Job(context)
    ranks = start_plain(job, network, [2, 1], "--seed", context.seed, "--ops", 100, "--max-bytes", 300000)
    context.expect_success(job, ranks, 150)


@scenario(needs=["nft"])
def loss_1_percent(context):
    lossy(context, 1)


@scenario(needs=["nft"])
def loss_5_percent(context):
    lossy(context, 5)


main()
