#!/usr/bin/env python3
"""Ranks that make other calls than the rest, none at all, abort, destroy or fork: named, in time, for all."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.network import Network  # noqa: E402
from harness.ranks import Job, start_plain  # noqa: E402
from harness.scenario import main, scenario  # noqa: E402

SHAPES = ([3], [2, 2])


def misbehave(context, kind, shape, *options, name="", recover=True):
    """Starts a job in which the last rank misbehaves at operation 20; returns it and the moment."""
    network = Network(len(shape)) if not getattr(context, "network", None) else context.network
    context.network = network
    job = Job(context, name or f"{kind}-{len(shape)}")
    ranks = sum(shape)
    again = ["--recover", job.folder, "--without", ranks] if recover else []
    start_plain(job, network, shape, "--ranks", ranks, "--seed", context.seed, "--ops", 400, "--requests", 0,
                "--max-bytes", 100000, "--misbehave", kind, "--who", ranks - 1, "--at", 20, *again, *options)
    moment = job.wait_events("misbehaving", 1, 30)[0]["mono_ns"]
    return job, ranks, moment


def mismatch(context, kind, *options):
    context.network = Network(2)
    for shape in SHAPES:
        job, ranks, moment = misbehave(context, kind, shape, *options)
        took = context.expect_errors(job, list(range(ranks)), moment, 1.0, ["Mismatch"])
        text = job.events("error")[0]["text"]
        context.say(f"{shape}: all {ranks} ranks knew within {took * 1000:.0f} ms: {text}")
        recovered = job.wait_events("recovered", ranks, 30)
        context.expect(all(event["well"] for event in recovered), f"{recovered}")
        job.wait(20)
        # A wrong root may send what nobody else heard of, and get what was not for it; the others may not.
        context.expect_no_wrong(job, but=ranks - 1)
    context.expect_nothing_left()


@scenario()
def another_count(context):
    mismatch(context, "count", "--collective", 0)


@scenario()
def another_type(context):
    mismatch(context, "type", "--collective", 0)


@scenario()
def another_op(context):
    mismatch(context, "op", "--collective", 0)


@scenario()
def another_collective(context):
    mismatch(context, "collective")


@scenario()
def another_root(context):
    """A root that has sent may rightly have ended before: it learns it at its next call."""
    mismatch(context, "root", "--collective", 1)


@scenario()
def one_never_calls(context):
    """A broadcast's root may go on without the absent rank, and is held up in a later call than the others."""
    context.network = Network(2)
    for shape, options in [(SHAPES[0], ()), (SHAPES[1], ()), (SHAPES[1], ("--collective", 1))]:
        job, ranks, moment = misbehave(context, "absent", shape, "--timeout-ms", 2000, "--hold", 10, *options,
                                       name=f"absent-{len(shape)}{len(options)}")
        took = context.expect_errors(job, list(range(ranks)), moment, 3.5, ["Timeout"], about=[ranks - 1])
        context.expect(took > 1.9, f"not before the deadline: {took:.2f} s")
        context.say(f"{shape}: within {took:.2f} s: {job.events('error')[0]['text']}")
        job.wait_events("recovered", ranks, 30)
        job.wait(20)
        context.expect_no_wrong(job)


def everyone_hears(context, kind, codes, *options, others_only=False, after="misbehaving"):
    context.network = Network(2)
    for shape in SHAPES:
        job, ranks, _ = misbehave(context, kind, shape, *options, recover=not others_only)
        moment = job.wait_events(after, 1, 10)[0]["mono_ns"]
        hearing = list(range(ranks - 1 if others_only else ranks))
        took = context.expect_errors(job, hearing, moment, 1.0, codes)
        context.say(f"{shape}: within {took * 1000:.0f} ms: {job.events('error')[0]['text']}")
        job.wait(30)
        context.expect_no_wrong(job)
    context.expect_nothing_left()


@scenario()
def abort_from_another_thread(context):
    everyone_hears(context, "abort", ["Aborted"], "--seconds", 20, after="abort")


@scenario()
def abort_instead_of_calling(context):
    everyone_hears(context, "abort-absent", ["Aborted"], after="abort")


@scenario()
def destroy_with_work_outstanding(context):
    """Rank 0 waits inside that work, rank 1 is about to call it."""
    everyone_hears(context, "destroy-outstanding", ["Aborted", "PeerDead", "RemoteError"],
                   "--collective", 0, "--min-bytes", 8, others_only=True)


@scenario()
def destroy_before_the_others(context):
    everyone_hears(context, "destroy", ["Aborted", "PeerDead", "RemoteError", "Mismatch"],
                   others_only=True)


@scenario()
def forked_child(context):
    """The child's handle is refused, the parent goes on, nobody notices."""
    context.network = Network(2)
    for shape in SHAPES:
        job, ranks, _ = misbehave(context, "fork", shape, recover=False)
        context.expect_success(job, ranks)
        context.expect(len(job.events("forked")) == 1, "it did fork")


main()
