"""Hosts as network namespaces, joined by veth pairs to a bridge (or a router) in a namespace of its own."""
import subprocess

SWITCH = "switch"


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def inside(namespace, *command):
    return run("ip", "netns", "exec", namespace, *command)


class Network:
    """`hosts` namespaces h0, h1, ... with addresses 10.77.0.1, .2, ... and fd77::1, ::2, ...

    routed: each host in a subnet of its own (10.77.<i>.1) behind a router, where a test can look at and
    change what passes. decoy: each host also has an interface docker0 with the same address everywhere."""

    def __init__(self, hosts, routed=False, decoy=False):
        self.hosts = [f"h{i}" for i in range(hosts)]
        self.routed = routed
        self._remove_earlier()
        run("ip", "netns", "add", SWITCH)
        inside(SWITCH, "ip", "link", "set", "lo", "up")
        if routed:
            inside(SWITCH, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        else:
            run("ip", "-n", SWITCH, "link", "add", "br0", "type", "bridge")
            run("ip", "-n", SWITCH, "link", "set", "br0", "up")
        for i, host in enumerate(self.hosts):
            self._add_host(i, host)
            if decoy:
                run("ip", "-n", host, "link", "add", "docker0", "type", "bridge")
                run("ip", "-n", host, "addr", "add", "172.17.0.1/16", "dev", "docker0")
                run("ip", "-n", host, "link", "set", "docker0", "up")

    def _remove_earlier(self):
        """A scenario may make one network after another."""
        for name in run("ip", "netns", "list").split("\n"):
            if name:
                run("ip", "netns", "del", name.split()[0])

    def _add_host(self, i, host):
        port = f"p{i}"
        run("ip", "netns", "add", host)
        run("ip", "-n", host, "link", "set", "lo", "up")
        run("ip", "-n", host, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", SWITCH)
        run("ip", "-n", host, "addr", "add", f"{self.address(i)}/24", "dev", "eth0")
        run("ip", "-n", host, "addr", "add", f"{self.address6(i)}/64", "dev", "eth0", "nodad")
        if self.routed:
            run("ip", "-n", SWITCH, "addr", "add", f"10.77.{i}.254/24", "dev", port)
        else:
            run("ip", "-n", SWITCH, "link", "set", port, "master", "br0")
        run("ip", "-n", SWITCH, "link", "set", port, "up")
        run("ip", "-n", host, "link", "set", "eth0", "up")
        if self.routed:
            run("ip", "-n", host, "route", "add", "default", "via", f"10.77.{i}.254")

    def address(self, i):
        return f"10.77.{i}.1" if self.routed else f"10.77.0.{i + 1}"

    def address6(self, i):
        return f"fd77::{i + 1}"

    def expect_slow_answers(self, seconds):
        """As a connection does whose round trips were measured under load: what is lost is sent again only after
        that long, and twice that, and so on."""
        for host in self.hosts:
            for route in run("ip", "-n", host, "route", "list").splitlines():
                run("ip", "-n", host, "route", "change", *route.split(), "rto_min", f"{seconds}s")

    def cut_link(self, i):
        """As if the cable were pulled."""
        run("ip", "-n", SWITCH, "link", "set", f"p{i}", "down")

    def drop(self, i, direction, share=100):
        """Host i loses `share` percent of what comes in ("input") or goes out ("output"): on the wire, where
        neither end is told."""
        where, device = (self.hosts[i], "eth0") if direction == "input" else (SWITCH, f"p{i}")
        table = f"fault_{device}"
        chain = f"{{ type filter hook ingress device {device} priority 0; }}"
        match = [] if share == 100 else ["numgen", "random", "mod", "100", "<", share]
        inside(where, "nft", "add", "table", "netdev", table)
        inside(where, "nft", "add", "chain", "netdev", table, "wire", chain)
        inside(where, "nft", "add", "rule", "netdev", table, "wire", *match, "drop")
