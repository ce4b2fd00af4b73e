#!/usr/bin/env python3
"""A bit that changes between the sockets, where TCP's own sum cannot see it: found by the checksum, named."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.network import SWITCH, Network, inside  # noqa: E402
from harness.ranks import Job, start_plain  # noqa: E402
from harness.scenario import main, scenario  # noqa: E402

RELAY = pathlib.Path(__file__).resolve().parents[1] / "harness" / "relay.py"
PORT = 9999


def start_relay(context, after, name="relay"):
    network = Network(2, routed=True)
    relay = Job(context, name)
    relay.start([sys.executable, RELAY, PORT, after, context.random.randrange(1 << 31)], host=SWITCH)
    wait_for(context, relay, "ready")
    inside(SWITCH, "nft", "add", "table", "ip", "relay")
    inside(SWITCH, "nft", "add", "chain", "ip", "relay", "way",
           "{ type nat hook prerouting priority -100; }")
    inside(SWITCH, "nft", "add", "rule", "ip", "relay", "way", "meta", "l4proto", "tcp", "redirect", "to",
           f":{PORT}")
    return network, relay


def wait_for(context, relay, word):
    end = time.monotonic() + 30
    while word not in relay.ranks[0].log.read_text():
        context.expect(time.monotonic() < end, f"the relay never said '{word}'")
        time.sleep(0.01)


@scenario(needs=["nft"])
def faithful_relay(context):
    """The relay by itself changes nothing."""
    network, relay = start_relay(context, 1 << 60)
    job = Job(context)
    ranks = start_plain(job, network, [2, 1], "--seed", context.seed, "--ops", 100)
    context.expect_success(job, ranks, 90)
    relay.kill()


@scenario(needs=["nft"])
def flipped_bit(context):
    for trial in range(5):
        after = context.random.randrange(1 << 20, 4 << 20)
        network, relay = start_relay(context, after, f"relay-{trial}")
        job = Job(context, f"trial-{trial}")
        ranks = start_plain(job, network, [2, 1], "--seed", context.seed + trial, "--seconds", 60,
                            "--min-bytes", 100000)
        wait_for(context, relay, "flipped")
        took = context.expect_errors(job, list(range(ranks)), time.monotonic_ns(), 1.0, ["DataCorrupt"],
                                     about=list(range(ranks)))
        context.say(f"within {took:.2f} s: {job.events('error')[0]['text']}")
        job.wait(20)
        context.expect_no_wrong(job)
        relay.kill()


main()
