#!/usr/bin/env python3
"""Installs a build into a prefix of its own, then builds and runs a project outside the tree against it, by
CMake package and by pkg-config. Everything stays below the build folder."""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def run(command, **environment):
    print("+", " ".join(map(str, command)), flush=True)
    subprocess.run(list(map(str, command)), check=True, env=dict(os.environ, **environment))


def consume(way, prefix, work):
    lib = next(prefix.glob("lib*/**/libhfreduce.so")).parent
    options = [f"-Dway={way}", f"-DCMAKE_BUILD_RPATH={lib}"]
    if way == "package":
        options.append(f"-DCMAKE_PREFIX_PATH={prefix}")
    run(["cmake", "-S", HERE, "-B", work, "-G", "Ninja", *options],
        PKG_CONFIG_PATH=str(lib / "pkgconfig"))
    run(["cmake", "--build", work])
    for program in ("consumer_c", "consumer_cc"):
        run([work / program])


def no_path_of_the_build(prefix, build):
    """What is installed must not know where it was built."""
    for file in prefix.glob("**/*"):
        if file.is_file() and os.fsencode(str(build)) in file.read_bytes():
            sys.exit(f"{file} names the build folder {build}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="a finished build")
    build = parser.parse_args().build.resolve()
    work = build / "consumer"
    shutil.rmtree(work, ignore_errors=True)
    prefix = work / "prefix"
    run(["cmake", "--install", build, "--prefix", prefix])
    # Moved after installing: an installed tree must not know where it was put.
    prefix = prefix.rename(work / "moved")
    no_path_of_the_build(prefix, build)
    for way in ("package", "pkgconfig"):
        consume(way, prefix, work / way)


main()
