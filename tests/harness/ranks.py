"""Starts ranks of hfr-exercise in hosts and gathers what they say."""
import json
import os
import subprocess
import threading
import time


class Rank:
    def __init__(self, process, host, log):
        self.process, self.host, self.log = process, host, log

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        os.kill(self.pid, number)


class Job:
    """The ranks of one job and the events that they wrote."""

    def __init__(self, context, name="job"):
        self.context = context
        self.folder = context.work / name
        self.folder.mkdir(parents=True)
        self.ranks = []
        self._offsets, self._events, self._lock = {}, [], threading.Lock()

    def start(self, command, host=None, environment=None, limits=None):
        """Starts `command` (its stdout and stderr go to a log) in a host, or where we are."""
        log = self.folder / f"log-{len(self.ranks)}.txt"
        if host is not None:
            # All of these become the next one: the process that we hold is the rank itself.
            command = ["ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c",
                       f'hostname {host} && exec "$@"', "sh", *command]
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith(("HFREDUCE_", "RANK", "WORLD_SIZE", "MASTER_", "LOCAL_"))}
        clean["HFREDUCE_TUNING"] = "off"  # what this user once measured is no part of a test
        clean.update(self.context.environment)
        clean.update({key: str(value) for key, value in (environment or {}).items()})
        with open(log, "w") as output:
            process = subprocess.Popen([str(part) for part in command], env=clean, stdout=output,
                                       stderr=subprocess.STDOUT, cwd=self.folder, preexec_fn=limits)
        self.ranks.append(Rank(process, host, log))
        return self.ranks[-1]

    def exercise(self, *options):
        return [self.context.build / "tests" / "hfr-exercise", "--out", self.folder, *options]

    def events(self, kind=None):
        """All events so far, in the order in which each process wrote them."""
        with self._lock:
            for file in sorted(self.folder.glob("*.jsonl")):
                with open(file) as stream:
                    stream.seek(self._offsets.get(file, 0))
                    for line in stream:
                        if not line.endswith("\n"):
                            break
                        self._offsets[file] = self._offsets.get(file, 0) + len(line.encode())
                        self._events.append(json.loads(line))
            return [event for event in self._events if kind in (None, event["event"])]

    def wait_events(self, kind, count, seconds, ranks=None):
        """Waits until `count` events of a kind are there (of `ranks`, if given)."""
        end = time.monotonic() + seconds
        while True:
            found = [e for e in self.events(kind) if ranks is None or e["rank"] in ranks]
            if len(found) >= count:
                return found
            if time.monotonic() > end:
                self.context.fail(f"after {seconds} s only {len(found)} of {count} events '{kind}'")
            self._check_started(kind, count, found)
            time.sleep(0.01)

    def _check_started(self, kind, count, found):
        """No use waiting when every process has ended."""
        if all(rank.process.poll() is not None for rank in self.ranks):
            late = [e for e in self.events(kind)]
            if len(late) < count and len(late) <= len(found):
                self.context.fail(f"all processes have ended with {len(late)} of {count} events '{kind}'")

    def wait(self, seconds):
        """Waits until all processes have ended; kills and fails if they do not."""
        end = time.monotonic() + seconds
        for rank in self.ranks:
            try:
                rank.process.wait(max(0.01, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.kill()
                self.context.fail(f"still running after {seconds} s: {rank.process.args[-1]} {rank.log}")
        return [rank.process.returncode for rank in self.ranks]

    def kill(self):
        for rank in self.ranks:
            if rank.process.poll() is None:
                rank.process.kill()
        for rank in self.ranks:
            rank.process.wait()


def placed(counts):
    """[2, 1] is ranks 0 and 1 on host 0, rank 2 on host 1: [(rank, host index), ...]."""
    pairs, rank = [], 0
    for host, count in enumerate(counts):
        for _ in range(count):
            pairs.append((rank, host))
            rank += 1
    return pairs


def start_plain(job, network, counts, *options, environment=None, v6=False, limits=None):
    """One process a rank with RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, as by hand. `environment`: more of it,
    or what gives each rank its own."""
    pairs = placed(counts)
    address = "127.0.0.1" if network is None else (network.address6(0) if v6 else network.address(0))
    for rank, host in pairs:
        plain = {"RANK": rank, "WORLD_SIZE": len(pairs), "MASTER_ADDR": address, "MASTER_PORT": 29500}
        plain.update((environment(rank) if callable(environment) else environment) or {})
        job.start(job.exercise("--join", "env", "--ranks", len(pairs), *options),
                  host=None if network is None else network.hosts[host], environment=plain, limits=limits)
    return len(pairs)
