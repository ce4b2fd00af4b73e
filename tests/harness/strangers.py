#!/usr/bin/env python3
"""Strangers at every door of a host: looks up who listens (in this network namespace) and connects, over and
over: silently, half way, with garbage, HTTP, TLS, and scans. Prints how often it did. Ends when killed.
`strangers.py ADDRESS silent COUNT | strangers.py ADDRESS noisy`."""
import contextlib
import os
import random
import socket
import sys
import time

GREETINGS = (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes.fromhex("16030100c8010000c40303"), b"\0" * 4096,
             b"\xff" * 300, b"SSH-2.0-scan\r\n", b"")


def listening_ports():
    """TCP ports on which anybody in this network namespace listens."""
    ports = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    ports.add(int(fields[1].rsplit(":", 1)[1], 16))
    return sorted(ports)


def connect(address, port):
    stranger = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    stranger.settimeout(0.5)
    stranger.connect((address, port))
    return stranger


def noisy(address):
    count = 0
    while True:
        for port in [*listening_ports(), random.randrange(1024, 65536)]:
            with contextlib.suppress(OSError):
                stranger = connect(address, port)
                stranger.sendall(random.choice((*GREETINGS, os.urandom(random.randrange(1, 500)))))
                if random.random() < 0.5:
                    stranger.settimeout(0.01)
                    stranger.recv(100)
                stranger.close()
                count += 1
        if count % 100 == 0:
            print(count, "noisy connections", flush=True)
        time.sleep(0.001)


def silent(address, wanted):
    """Holds `wanted` connections open; a dropped one is replaced."""
    held, count = [], 0
    while True:
        for port in listening_ports():
            with contextlib.suppress(OSError):
                while sum(s.getpeername()[1] == port for s in held) < wanted:
                    held.append(connect(address, port))
                    held[-1].setblocking(False)
                    count += 1
        print(count, "silent connections made,", len(held), "held", flush=True)
        alive = []
        for stranger in held:
            with contextlib.suppress(BlockingIOError):
                with contextlib.suppress(OSError):
                    stranger.recv(1000)
                    stranger.close()
                    continue
            alive.append(stranger)
        held = [s for s in alive if s.fileno() >= 0]
        time.sleep(0.05)


if __name__ == "__main__":
    if sys.argv[2] == "noisy":
        noisy(sys.argv[1])
    silent(sys.argv[1], int(sys.argv[3]))
