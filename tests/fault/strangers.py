#!/usr/bin/env python3
"""Strangers knock during start-up and run: nothing happens to the job."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.network import Network  # noqa: E402
from harness.ranks import Job, start_plain  # noqa: E402
from harness.scenario import main, scenario  # noqa: E402

STRANGERS = pathlib.Path(__file__).resolve().parents[1] / "harness" / "strangers.py"


def knocked(context, jobs, hosts, *how):
    """`jobs` jobs, one after the other, while strangers knock at every host from inside it."""
    network = Network(hosts)
    noise = Job(context, "strangers")
    for i in range(hosts):
        noise.start([sys.executable, STRANGERS, network.address(i), *how], host=network.hosts[i])
    for number in range(jobs):
        job = Job(context, f"job-{number}")
        begun = time.monotonic()
        ranks = start_plain(job, network, [2] * hosts, "--seed", context.seed + number, "--ops", 100,
                            "--seconds", 2, "--comms", 2, "--init-timeout-ms", 20000)
        joined = job.wait_events("joined", ranks, 20)
        context.say(f"joined within {time.monotonic() - begun:.2f} s")
        context.expect(max(event["took_ms"] for event in joined) < 4000, "joining was held up")
        context.expect_success(job, ranks, 60)
    context.expect(all(r.process.poll() is None for r in noise.ranks), "the strangers were at it all along")
    noise.kill()
    for rank in noise.ranks:
        lines = rank.log.read_text().split("\n")
        context.say(f"{rank.host}: {lines[-2] if len(lines) > 1 else 'nothing'}")
    context.expect(any(len(r.log.read_text()) > 0 for r in noise.ranks), "strangers did connect")


@scenario()
def noisy_strangers(context):
    knocked(context, 3, 2, "noisy")


@scenario()
def silent_strangers(context):
    knocked(context, 2, 2, "silent", 200)


@scenario(needs=["nmap"])
def port_scan(context):
    """nmap, over and over, from one host at the other."""
    network = Network(2)
    scanner = Job(context, "scanner")
    loop = f"while :; do nmap -n -Pn -sT -T5 --open -p 1024-65535 {network.address(0)}; done"
    scanner.start(["sh", "-c", loop], host=network.hosts[1])
    for number in range(2):
        job = Job(context, f"job-{number}")
        ranks = start_plain(job, network, [2, 1], "--seed", context.seed + number, "--seconds", 5,
                            "--init-timeout-ms", 20000)
        context.expect_success(job, ranks, 60)
    scanner.kill()
    scans = scanner.ranks[0].log.read_text().count("Nmap done")
    context.say(f"{scans} whole scans meanwhile")
    context.expect(scans > 0, "not one scan came to its end")


main()
