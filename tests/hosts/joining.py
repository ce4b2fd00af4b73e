#!/usr/bin/env python3
"""Joining between hosts: launchers, secrets, and who does not come."""
import pathlib
import resource
import secrets
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from harness.network import Network, run  # noqa: E402
from harness.ranks import Job, start_plain  # noqa: E402
from harness.scenario import ROOT, brief, main, scenario  # noqa: E402

NO_SECRET = {"HFREDUCE_SECRET_FILE": ""}
TORCHRUN = ".venv/bin/torchrun"
AGENT = pathlib.Path(__file__).resolve().parents[1] / "harness" / "netns-agent"


def torchrun(job, network, host, *more, **how):
    command = [ROOT / TORCHRUN, "--nnodes", 2, "--node-rank", host, "--nproc-per-node", 2,
               "--master-addr", network.address(0), "--master-port", 29500, "--no-python", *more]
    return job.start(command, host=network.hosts[host], **how)


@scenario(needs=[TORCHRUN])
def torchrun_two_nodes(context):
    network = Network(2)
    job = Job(context)
    for host in (0, 1):
        torchrun(job, network, host, *job.exercise("--seed", context.seed, "--ops", 200, "--comms", 2))
    context.expect_success(job, 4, 120)


@scenario(needs=[TORCHRUN])
def torchrun_without_secret(context):
    network = Network(2)
    job = Job(context)
    for host in (0, 1):
        torchrun(job, network, host, *job.exercise("--init-timeout-ms", 8000), environment=NO_SECRET)
    expect_refused(context, job, 4)


@scenario()
def plain_without_secret(context):
    network = Network(2)
    job = Job(context)
    start_plain(job, network, [2, 1], "--init-timeout-ms", 4000, environment=NO_SECRET)
    expect_refused(context, job, 3)


def expect_refused(context, job, ranks):
    """Every rank, next to rank 0 or not, is told at once what to set."""
    errors = job.wait_events("error", ranks, 60)
    for error in errors:
        context.expect(error["code"] == 105 and "HFREDUCE_SECRET_FILE" in error["text"],
                       f"AuthFailed that says what to set: {brief([error])}")
        context.expect(error["returned_ns"] - error["started_ns"] < 2e9, "refused at once")
    context.say(f"refused: {errors[0]['text']}")
    job.kill()


@scenario()
def one_host_without_secret(context):
    """Where nobody else can be, a peer of the same user hands the secret over."""
    network = Network(1)
    for number, told in enumerate(({"MASTER_ADDR": "127.0.0.1"}, {"LOCAL_WORLD_SIZE": 4})):
        job = Job(context, f"job-{number}")
        start_plain(job, network, [4], "--seed", context.seed, environment={**NO_SECRET, **told})
        context.expect_success(job, 4)
    context.expect_nothing_left()


@scenario()
def insecure_on_request(context):
    network = Network(2)
    job = Job(context)
    start_plain(job, network, [2, 1], "--seed", context.seed,
                environment={**NO_SECRET, "HFREDUCE_INSECURE": 1})
    context.expect_success(job, 3)


@scenario()
def wrong_secret(context):
    """Who has another secret is refused at once, and is no more than a missing rank to the others."""
    network = Network(2)
    job = Job(context)
    other = context.work / "other-secret"
    other.write_bytes(secrets.token_bytes(32))
    other.chmod(0o600)
    for rank in range(3):
        plain = {"RANK": rank, "WORLD_SIZE": 3, "MASTER_ADDR": network.address(0), "MASTER_PORT": 29500}
        if rank == 2:
            plain["HFREDUCE_SECRET_FILE"] = other
        job.start(job.exercise("--init-timeout-ms", 4000), host=network.hosts[rank // 2],
                  environment=plain)
    errors = job.wait_events("error", 3, 20)
    context.say(brief(errors))
    for error in errors:
        if error["pid"] == job.ranks[2].pid:
            context.expect(error["code"] == 105 and "another secret" in error["text"], brief([error]))
            context.expect(error["returned_ns"] - error["started_ns"] < 2e9, "refused at once")
        else:
            context.expect(error["code"] == 8, f"Timeout: {brief([error])}")
            context.expect("rank 2" in error["text"] and "secret" in error["text"],
                           f"names the missing and what it may lack: {brief([error])}")


@scenario()
def readable_secret(context):
    """A secret file that others may read is none."""
    context.secret.chmod(0o644)
    network = Network(2)
    job = Job(context)
    start_plain(job, network, [1, 1], "--init-timeout-ms", 5000)
    errors = job.wait_events("error", 2, 20)
    context.expect(all(str(context.secret) in e["text"] for e in errors), brief(errors))


@scenario()
def missing_ranks(context):
    """Ranks 1 and 3 of 5 never come: named by all who did, soon after the deadline."""
    network = Network(2)
    job = Job(context)
    for rank in (0, 2, 4):
        plain = {"RANK": rank, "WORLD_SIZE": 5, "MASTER_ADDR": network.address(0), "MASTER_PORT": 29500}
        job.start(job.exercise("--init-timeout-ms", 3000), host=network.hosts[rank % 2],
                  environment=plain)
    errors = job.wait_events("error", 3, 20)
    context.say(brief(errors))
    context.expect({e["code"] for e in errors} == {8}, f"Timeout: {brief(errors)}")
    context.expect(all("1" in e["text"] and "3" in e["text"] for e in errors), "the missing are named")
    took = max((e["returned_ns"] - e["started_ns"]) / 1e9 for e in errors)
    context.expect(took < 5, f"3 s deadline, {took:.1f} s")


@scenario()
def rank_taken_twice(context):
    network = Network(1)
    job = Job(context)
    for rank in (0, 1, 1):
        plain = {"RANK": rank, "WORLD_SIZE": 3, "MASTER_ADDR": network.address(0), "MASTER_PORT": 29500}
        job.start(job.exercise("--init-timeout-ms", 5000), host="h0", environment=plain)
    errors = job.wait_events("error", 3, 20)
    context.say(brief(errors))
    context.expect(any(e["code"] == 4 and "1" in e["text"] for e in errors), "InvalidArgument, rank named")


@scenario()
def sizes_differ(context):
    network = Network(1)
    job = Job(context)
    for rank, size in ((0, 2), (1, 3)):
        plain = {"RANK": rank, "WORLD_SIZE": size, "MASTER_ADDR": network.address(0), "MASTER_PORT": 29500}
        job.start(job.exercise("--init-timeout-ms", 5000), host="h0", environment=plain)
    errors = job.wait_events("error", 2, 20)
    context.say(brief(errors))
    context.expect(any(e["code"] == 4 for e in errors), "InvalidArgument somewhere")


def one_is_short(context, limit, codes, words):
    """Rank 1 of 3 may use little of something: it says so by name, and the others do not wait in vain."""
    network = Network(2)
    job = Job(context)
    for rank in range(3):
        plain = {"RANK": rank, "WORLD_SIZE": 3, "MASTER_ADDR": network.address(0), "MASTER_PORT": 29500}
        job.start(job.exercise("--init-timeout-ms", 9000), host=network.hosts[rank // 2], environment=plain,
                  limits=limit if rank == 1 else None)
    errors = job.wait_events("error", 3, 20)
    context.say(brief(errors))
    short = [error for error in errors if error["pid"] == job.ranks[1].pid][0]
    context.expect(short["code"] in codes, f"code of the one that is short: {brief([short])}")
    context.expect(any(word in short["text"] for word in words), f"the limit is named: {brief([short])}")
    for error in errors:
        late = (error["returned_ns"] - short["returned_ns"]) / 1e9
        context.expect(late < 1.5, f"another rank knew {late:.1f} s later: {brief([error])}")
        context.expect(error["code"] in (6, 100, *codes), brief([error]))
    job.wait(20)
    context.expect_no_wrong(job)


@scenario()
def short_of_descriptors(context):
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))
    one_is_short(context, limit, (2,), ("EMFILE", "RLIMIT_NOFILE", "ulimit -n"))


@scenario()
def short_of_memory(context):
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (20 << 20, 20 << 20))
    one_is_short(context, limit, (2, 107), ("memory", "ENOMEM"))


@scenario(needs=["mpirun"])
def mpirun_one_host(context):
    network = Network(1)
    job = Job(context)
    mpirun(job, network, ["-np", 3], job.exercise("--seed", context.seed), environment=NO_SECRET)
    context.expect_success(job, 3)


@scenario(needs=["mpirun"])
def mpirun_two_hosts(context):
    """The daemons are started in the hosts by an agent in ssh's place."""
    network = Network(2)
    job = Job(context)
    where = f"{network.address(0)}:2,{network.address(1)}:2"
    mpirun(job, network, ["-np", 4, "--host", where], job.exercise("--seed", context.seed, "--comms", 2),
           environment=NO_SECRET)
    context.expect_success(job, 4)


@scenario(needs=["mpirun"])
def mpi_communicator(context):
    """hfreduce_mpi.h: MPI carries the id."""
    network = Network(2)
    job = Job(context)
    where = f"{network.address(0)}:1,{network.address(1)}:2"
    program = job.exercise("--join", "mpi", "--seed", context.seed)
    program[0] = context.build / "tests" / "hfr-exercise-mpi"
    context.expect(program[0].exists(), "built with MPI")
    mpirun(job, network, ["-np", 3, "--host", where], program, environment=NO_SECRET)
    context.expect_success(job, 3)


def mpirun(job, network, options, program, **how):
    quiet = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "--mca", "plm_rsh_agent", AGENT,
             "--mca", "btl", "self,tcp,vader", "--mca", "btl_vader_single_copy_mechanism", "none"]
    return job.start(["mpirun", *quiet, *options, *program], host=network.hosts[0], **how)


@scenario()
def slurm_environment(context):
    """What srun sets, without PMIx: the node list is expanded, the first node is the meeting place."""
    network = Network(2)
    hosts = context.work / "hosts"
    hosts.write_text("127.0.0.1 localhost\n" + "".join(
        f"{network.address(i)} node{i + 1}\n" for i in range(2)))
    run("mount", "--bind", hosts, "/etc/hosts")  # seen in the sandbox only
    job = Job(context)
    for rank in range(3):
        slurm = {"SLURM_PROCID": rank, "SLURM_NTASKS": 3, "SLURM_STEP_NODELIST": "node[1-2]",
                 "SLURM_JOB_NODELIST": "node[1-2]", "SLURM_NODELIST": "node[1-2]", "SLURM_JOB_ID": 4711,
                 "SLURM_JOBID": 4711, "SLURM_STEP_ID": 0, "SLURM_STEPID": 0, "SLURM_NNODES": 2,
                 "SLURM_STEP_NUM_TASKS": 3, "SLURM_LOCALID": rank % 2, "SLURM_NODEID": rank // 2}
        job.start(job.exercise("--seed", context.seed), host=network.hosts[rank // 2], environment=slurm)
    context.expect_success(job, 3)


main()
