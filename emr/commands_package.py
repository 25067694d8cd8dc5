"""`telematics emr package`, `deploy` and `size`."""

import datetime as dt
from pathlib import Path
from typing import Annotated, get_args

import typer

from emr.configure import path_of
from emr.options import PATIENCE_MINUTES, EnvOption, of_env
from emr.package import DEPLOYED, ROOT, Arch, Manifest, build, this_arch
from emr.watching import said
from lake.errors import ConfigError, EnvironmentProblem

OUT = Path("var/package")
RunAttemptOption = Annotated[
    int, typer.Option("--attempt", min=1, envvar="GITHUB_RUN_ATTEMPT", help="raise it to run again what ran today")
]
SCHEDULES = "schedules do after Terraform's next apply of module.orchestration; commit the file"
OutOption = Annotated[Path, typer.Option("--out", help="folder of archives, wheels and manifests")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to `telematics emr`."""
    app.command("package")(package)
    app.command("deploy")(deploy)
    app.command("size")(size)
    app.command("run")(run)


def package(
    arch: Annotated[str, typer.Option(help="x86_64, arm64 or all")] = DEPLOYED,
    out: OutOption = OUT,
    test: Annotated[bool, typer.Option("--test/--no-test", help="run the self-test; deploy refuses what has not passed")] = True,
) -> None:
    """Build wheel and environment for EMR as one archive, and run a job from it by spark-submit."""
    from emr.self_test import self_test

    known: tuple[Arch, ...] = get_args(Arch)
    wanted = [x for x in known if arch in (x, "all")]
    if not wanted:
        raise ConfigError(f"no architecture '{arch}': there are {', '.join(known)} and all")
    out.mkdir(parents=True, exist_ok=True)
    for one in wanted:
        manifest = build(one, out)
        print(describe(self_test(manifest, out) if test else manifest), flush=True)


def describe(manifest: Manifest) -> str:
    """What was built, in three lines."""
    test = manifest.self_test
    if test is None:
        said = "not tested: deploy refuses it"
    elif test["ran"]:
        versions = f"Python {test['python']}, Spark {test['pyspark']}"
        said = f"self-test: spark-submit ran a job from it, {test['modules']} modules, {versions}"
    else:
        said = f"self-test: every compiled file and wheel is for {manifest.arch}; not run, as this machine is {this_arch()}"
    return (
        f"{manifest.archive}: {manifest.bytes / 1e6:.0f} MB, {manifest.unpacked_bytes / 1e6:.0f} MB unpacked, "
        f"{len(manifest.versions)} packages and {manifest.wheel}\n"
        f"commit {manifest.git_commit}, lock {manifest.lock_sha256[:16]}\n{said}"
    )


def deploy(
    context: typer.Context,
    env: Annotated[str, typer.Option("--env", help="environment: its configuration says where to")],
    out: OutOption = OUT,
    archive: Annotated[str | None, typer.Option(help="name of the archive in --out; the newest for arm64 without")] = None,
    to: Annotated[str | None, typer.Option("--to", help="id of a deployment that is there: point at it, upload nothing")] = None,
    pointing: Annotated[bool, typer.Option("--point/--no-point", help="write its two lines into the configuration")] = True,
    conf_only: Annotated[bool, typer.Option("--conf-only", help="configuration, sources and rules; prints its address")] = False,
) -> None:
    """Upload a tested archive and its entry point, then point at them: the configuration's two lines, which it prints."""
    from emr.deploy import conf_files, deploy_conf, earlier, place_of, point, s3_client
    from emr.deploy import deploy as upload
    from emr.request import emr_of

    if conf_only and (to or archive):
        raise ConfigError("--conf-only uploads no archive: leave --to and --archive out")
    conf = of_env(context, env).conf
    place = place_of(conf, s3_client(emr_of(conf, env).region))
    path = path_of(env)
    if conf_only:
        print(deploy_conf(place, path.stem, conf_files(path, conf)))
        return
    found = upload(place, path.stem, chosen(out, archive), out) if to is None else earlier(place, to, path.stem)
    print(f"deployment {found.id}: {found.arch}, commit {found.git_commit}")
    print("\n".join(f"emr.{key}: {value}" for key, value in found.settings().items()))
    if pointing:
        changed = point(place, found, path)
        said(f"{path} {'names it now' if changed else 'named it already'}: `emr submit` from here starts it; {SCHEDULES}")


def run(
    context: typer.Context,
    arguments: Annotated[list[str], typer.Argument(help="a command of telematics with its options, after --")],
    deployment: Annotated[str, typer.Option(help="id of the deployment to run it from, pointed at or not")],
    env: EnvOption = None,
    minutes: Annotated[int, typer.Option(min=5, help="longest time; the run is then cancelled")] = 120,
    attempt: RunAttemptOption = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the request, send nothing")] = False,
) -> None:
    """Run any command on EMR Serverless from a deployment that is tried before it is used; ends as the command does."""
    import json

    from emr.commands_submit import tell
    from emr.deploy import earlier, place_of, s3_client
    from emr.request import emr_of, job_run
    from emr.running import conf_of, start_of
    from emr.serverless import Serverless
    from emr.submit import submit
    from emr.watching import Attendance, attend

    here = of_env(context, env)
    conf, env = here.conf, here.conf_name
    region = emr_of(conf, env).region
    found = earlier(place_of(conf, s3_client(region)), deployment, Path(env).stem)
    start, conf = start_of(found, arguments, dt.datetime.now(dt.UTC).date(), attempt), conf_of(conf, found, minutes)
    request = job_run(conf, env, start)
    if dry_run:
        print(json.dumps(request, indent=2))
        return
    there = Serverless(conf, env)
    done = submit(there, start)
    print(done.run_id, flush=True)
    tell(done, start)
    attend(there, done.run_id, Attendance(minutes, PATIENCE_MINUTES, None), region, is_own=done.was_there is None)


def chosen(out: Path, archive: str | None) -> Manifest:
    """The manifest of an archive by name, or of the newest for arm64. Raises EnvironmentProblem where there is none."""
    from emr.self_test import read_manifest

    if archive is not None:
        return read_manifest(out / f"{archive.removesuffix('.tar.gz')}.json")
    found = sorted(out.glob(f"environment-{DEPLOYED}-*.json"), key=lambda x: x.stat().st_mtime)
    if not found:
        raise EnvironmentProblem(f"{out} holds no archive for {DEPLOYED}: run `telematics emr package` in {ROOT.name}")
    return read_manifest(found[-1])


def size(
    context: typer.Context,
    raw_gb_per_day: Annotated[float, typer.Option(help="uncompressed JSON lines that arrive a day [GB]")],
    policies: Annotated[int, typer.Option(help="policies scored a night, each with exact reasons")],
    scores_by: Annotated[str, typer.Option(help="HH:MM UTC when scores are due")] = "06:00",
    start: Annotated[str, typer.Option(help="HH:MM UTC when the night is submitted")] = "01:00",
    env: EnvOption = None,
) -> None:
    """From measured throughputs to executors, memory, minutes and dollars a night; prints the calculation."""
    from emr.size import describe as described
    from emr.size import size as sized
    from emr.throughput import sources
    from lake.conf_emr import Prices

    emr = of_env(context, env).conf.emr
    minutes = (clock(scores_by) - clock(start)).total_seconds() / 60 % (24 * 60)
    if not minutes:
        raise ConfigError(f"scores are due when the night starts, at {start}: give --scores-by or --start")
    print(
        "\n".join([described(sized(raw_gb_per_day, policies, minutes, emr.prices if emr else Prices())), "measured:", *sources()])
    )


def clock(text: str) -> dt.datetime:
    """A time of day. Raises ConfigError where it is none."""
    try:
        return dt.datetime.strptime(text, "%H:%M")
    except ValueError as e:
        raise ConfigError(f"'{text}' is not HH:MM") from e
