"""A scenario is a function with a name; CTest runs `script.py --build DIR NAME`. It passes, fails with a
sentence and the ranks' logs, or is skipped with a reason (exit status 77; a failure with HFR_NO_SKIP)."""
import argparse
import os
import pathlib
import random
import secrets
import shutil
import signal
import sys
import time
import traceback

from . import sandbox

SCENARIOS = {}
ROOT = pathlib.Path(__file__).resolve().parents[2]
# Inside an emulated machine everything takes ten times as long (DESIGN, section 2).
TIME_SCALE = float(os.environ.get("HFR_TIME_SCALE", "1"))


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def scenario(needs=(), shm_bytes=1 << 30):
    """Registers a scenario under its function's name. `needs`: programs without which it is skipped."""
    def register(function):
        SCENARIOS[function.__name__] = (function, needs, shm_bytes)
        return function
    return register


class Context:
    """What a scenario has: a folder, a secret, a seed, and assertions."""

    def __init__(self, build, name, seed):
        self.build, self.name, self.seed = build, name, seed
        self.random = random.Random(f"{name} {seed}")
        self.work = build / "scenarios" / name
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.secret = self.work / "secret"
        self.secret.write_bytes(secrets.token_bytes(32))
        self.secret.chmod(0o600)
        self.environment = {"HFREDUCE_SECRET_FILE": str(self.secret)}
        self.started = time.monotonic()

    def say(self, text):
        print(f"[{time.monotonic() - self.started:6.2f} s] {text}", flush=True)

    def fail(self, text):
        raise Failed(text)

    def expect(self, holds, text):
        if not holds:
            raise Failed(text)

    def expect_nothing_left(self):
        left = sandbox.leftovers([ROOT, self.build])
        self.expect(not left, f"left behind: {left}")

    # ---- what is asserted of jobs

    def expect_success(self, job, ranks, seconds=60):
        """All ranks ended well, with right results, and the same ones."""
        codes = job.wait(seconds * TIME_SCALE)
        self.expect_no_wrong(job)
        errors = job.events("error")
        self.expect(not errors, f"an error where none was due: {brief(errors)}")
        self.expect(not any(codes), f"exit statuses {codes}")
        ends = job.events("end")
        self.expect(len(ends) == ranks, f"{len(ends)} of {ranks} ranks ended")
        self.expect(len({end["hash"] for end in ends}) == 1, "results differ between ranks")
        self.expect(len({end["ops"] for end in ends}) == 1 and ends[0]["ops"] > 0, "operations")
        self.say(f"{ranks} ranks, {ends[0]['ops']} operations, {ends[0]['bytes'] >> 20} MiB each: right")
        return ends

    def expect_no_wrong(self, job, but=None):
        """`but`: a rank that did what it must not, and may have got what it deserved."""
        for kind in ("wrong", "broken"):
            found = [event for event in job.events(kind) if kind == "broken" or event["rank"] != but]
            self.expect(not found, f"{kind}: {found[:3]}")

    def expect_errors(self, job, ranks, since_ns, bound, codes, about=None, wait=30):
        """Each of `ranks` got one of `codes`, about one of the ranks in `about`, within `bound` seconds of
        `since_ns`. Returns the slowest one's delay in seconds."""
        job.wait_events("error", len(ranks), (bound + wait) * TIME_SCALE, set(ranks))
        # The first error of a rank is the one that the fault gave; a later one is of its second life.
        first = {}
        for event in job.events("error"):
            first.setdefault((event["pid"], event["rank"]), event)
        slowest = 0.0
        for event in first.values():
            if event["rank"] not in ranks:
                continue
            code = CODES.get(event["code"], event["code"])
            self.expect(code in codes, f"{code}, expected {codes}: {event}")
            if about is not None:
                self.expect(event["about"] in about, f"about {event['about']}, not {about}: {event}")
            slowest = max(slowest, (event["returned_ns"] - since_ns) / 1e9)
        self.expect(slowest <= bound * TIME_SCALE, f"took {slowest:.2f} s, bound {bound} s")
        return slowest


CODES = {2: "SystemError", 3: "InternalError", 4: "InvalidArgument", 5: "InvalidUsage", 6: "RemoteError",
         8: "Timeout", 100: "PeerDead", 101: "PeerUnreachable", 102: "Mismatch", 103: "Aborted",
         104: "NotSupported", 105: "AuthFailed", 106: "DataCorrupt", 107: "OutOfMemory",
         108: "ProtocolError"}


def brief(events):
    return "; ".join(f"rank {e['rank']}: {CODES.get(e['code'], e['code'])}: {e['text']}" for e in events[:4])


def print_logs(work):
    for log in sorted(work.glob("**/log-*.txt"))[:12]:
        lines = log.read_text(errors="replace").splitlines()
        if lines:
            print(f"--- {log.relative_to(work)} (last of {len(lines)} lines)")
            print("\n".join(lines[-15:]))


def why_skipped(needs):
    reason = sandbox.missing()
    if reason is not None:
        return reason
    for need in needs:
        if shutil.which(need) is None and not (ROOT / need).exists():
            return f"{need} is not there"
    return None


def run_one(build, name, seed):
    function, _, _ = SCENARIOS[name]
    context = Context(build, name, seed)
    context.say(f"{name}, seed {seed} (replay: {sys.argv[0]} --build {build} --seed {seed} {name})")
    try:
        function(context)
    except Skipped as reason:
        print(f"skipped: {reason}")
        return skipped_status()
    except Failed as failure:
        print(f"FAILED: {failure}")
    except Exception:
        traceback.print_exc()
    else:
        context.say("passed")
        return 0
    print_logs(context.work)
    return 1


def skipped_status():
    return 1 if os.environ.get("HFR_NO_SKIP") else 77


def give_up(*_):
    raise Failed("it took too long")


def main():
    parser = argparse.ArgumentParser(description="Runs a scenario between hosts.")
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("HFR_SEED", "0")))
    parser.add_argument("--limit", type=int, default=280, help="seconds after which to give up")
    parser.add_argument("name", choices=sorted(SCENARIOS))
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    _, needs, shm_bytes = SCENARIOS[arguments.name]
    reason = why_skipped(needs)
    if reason is not None:
        print(f"skipped: {reason}")
        sys.exit(skipped_status())
    sandbox.enter()
    sandbox.cover_folders([ROOT, build], shm_bytes)
    # Before CTest's own limit, so that what was found until then is printed.
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(int(arguments.limit * TIME_SCALE))
    seed = arguments.seed or secrets.randbelow(1 << 31) + 1
    status = run_one(build, arguments.name, seed)
    sys.stdout.flush()
    os._exit(status)
