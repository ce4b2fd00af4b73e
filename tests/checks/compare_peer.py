#!/usr/bin/env python3
"""A library for `hfreduce-perf --compare exec:`, as docs/compare.md describes it, that moves nothing. Its argument
says how it behaves: honest (a call sleeps 100 us a rank), or one of the faults below."""
import os
import sys
import time

MANNER = sys.argv[1]
RANK, RANKS = int(os.environ["HFREDUCE_PERF_RANK"]), int(os.environ["HFREDUCE_PERF_RANKS"])
FENCE, ADDRESS = os.environ["HFREDUCE_PERF_FENCE"], os.environ["HFREDUCE_PERF_ADDRESS"]
assert os.environ["HFREDUCE_PERF_PROTOCOL"] == "1" and (os.path.exists(FENCE) or (FENCE == "" and ADDRESS != "127.0.0.1"))


def say(text):
    print(text, flush=True)


def call(bytes_):
    begin = time.perf_counter()
    while time.perf_counter() - begin < 100e-6 * (RANK + 1):
        pass
    return (time.perf_counter() - begin) * 1e6


def measure(words):
    collective, type_, third, count, iterations, place, timing, warm_up = words[:8]
    assert collective in ("allreduce", "broadcast") and place in ("in", "out") and timing in ("each", "row"), words
    assert type_ == "float32" and third in ("sum", "0") and int(count) >= 0 and int(warm_up) >= 0, words
    samples = sorted(call(4 * int(count)) for _ in range(int(iterations)))
    return samples[len(samples) // 2], samples[-1], samples[0]


def answer(line, calls):
    median, p99, least = measure(line.split())
    if MANNER == "slow-liar":
        median = p99 = median * 100
    elif MANNER == "disorder":
        least = p99 + 1
    elif MANNER == "nan":
        median = "nan"
    elif MANNER == "cannot":
        return "cannot it has no such thing"
    elif MANNER == "refuses":
        return "error it has no wish to\x1b[31m do this"
    elif MANNER == "dies" and calls == 3 and RANK == 1:
        os.kill(os.getpid(), 9)
    elif MANNER == "leaves" and calls == 2 and RANK == 0:
        sys.exit(7)
    elif MANNER == "hangs" and calls == 2 and RANK == 1:
        time.sleep(1000)
    elif MANNER == "nonsense":
        return "fine, thanks"
    elif MANNER == "endless":
        return "ok " + "1 " * 10_000_000
    return f"ok {median} {p99} {least}"


if MANNER == "silent":
    time.sleep(1000)
say(f"gather {RANK}-of-{RANKS}")
words = sys.stdin.readline().split()
assert words == ["gathered", *(f"{r}-of-{RANKS}" for r in range(RANKS))], words
say("error there is no network today" if MANNER == "unready" else "ready")
for number, request in enumerate(sys.stdin, 1):
    if MANNER == "logs":
        say(os.environ["HFREDUCE_PERF_CORES"])
        sys.stderr.write(f"peer {RANK} has buffers at {os.environ['HFREDUCE_PERF_OFFSET']}\n")
        sys.stderr.write(f"peer {RANK} runs on {sorted(os.sched_getaffinity(0))}\n")
    say(answer(request, number))
    if MANNER == "chatty":
        say("by the way")
