"""A world of its own for one scenario: mount, process and network-namespace names that vanish with it.

The scenario runs in new mount and process namespaces. /tmp, /dev/shm and /run/netns are empty and private,
so that what is found there afterwards was left by the ranks; and when the scenario ends, in whatever way,
the kernel ends every process in it and takes its network namespaces away."""
import ctypes
import os
import pathlib
import shutil
import sys

MS_BIND = 4096
_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source, target, kind=None, flags=0, data=None):
    encode = lambda text: None if text is None else os.fsencode(str(text))
    if _libc.mount(encode(source), encode(target), encode(kind), flags, encode(data)) != 0:
        raise OSError(ctypes.get_errno(), f"mount {source} on {target}")


def missing():
    """Why no sandbox can be had here; None if it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("unshare", "ip"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if os.system("unshare --net --mount --pid --fork true 2>/dev/null") != 0:
        return "this machine does not let us make namespaces"
    return None


def enter():
    """Starts this script again inside a sandbox; returns there."""
    if os.environ.pop("HFR_SANDBOX", None) == "inside":
        return
    os.environ["HFR_SANDBOX"] = "inside"
    wrapper = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
               "--propagation", "private"]
    os.execvp(wrapper[0], [*wrapper, sys.executable, *sys.argv])


def cover_folders(keep, shm_bytes=1 << 30):
    """Puts empty file systems over the folders where something could be left; `keep` stay visible even if
    they lie below /tmp."""
    held = [(path, os.open(path, os.O_PATH)) for path in keep if str(path).startswith("/tmp/")]
    os.makedirs("/run/netns", exist_ok=True)
    _mount("netns", "/run/netns", "tmpfs", data="size=1m")
    _mount("shm", "/dev/shm", "tmpfs", data=f"size={shm_bytes}")
    _mount("tmp", "/tmp", "tmpfs", data="size=1g,mode=1777")
    for path, descriptor in held:
        os.makedirs(path, exist_ok=True)
        _mount(f"/proc/self/fd/{descriptor}", path, flags=MS_BIND)
        os.close(descriptor)


def leftovers(keep):
    """What lies in /dev/shm and /tmp, except the way to `keep`."""
    found = []
    for folder in ("/dev/shm", "/tmp"):
        for path in pathlib.Path(folder).iterdir():
            if not any(str(kept).startswith(str(path)) for kept in keep):
                found.append(str(path))
    return found
