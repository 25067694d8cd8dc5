"""emr/terraform: its form, its own tests, and what is planned for each environment. Nothing reaches AWS.

Terraform is run where it and its provider are installed. The provider is looked for in TERRAFORM_PLUGIN_DIR and in the folders
that Terraform itself and packagers use; nothing is downloaded.
"""

import datetime as dt
import json
import re
import shutil
import subprocess

import pytest
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser, ASLParserException

from emr import starts
from emr.request import Request, job_run
from lake.conf import Conf, load_conf
from lake.conf_emr import Emr, Roles
from tests.conftest import ROOT
from tests.emr.account import FOLDER, PROVIDER, Made, Terraform, after, below, done, evaluated, following, mirror, template

ENVIRONMENTS = ("dev", "staging", "production")
NIGHT = dt.date(2026, 1, 5)
OF_AN_ENVIRONMENT = "tests/environment.tftest.hcl"
LONGEST_FILE = 250
_SKIP = re.compile(r"checkov:skip=(.*)")


def nightly_request(conf: Conf, environment: str) -> Request:
    return job_run(conf, environment, starts.nightly(NIGHT))


@pytest.fixture(scope="module")
def terraform(tmp_path_factory: pytest.TempPathFactory) -> Terraform:
    """Terraform without its provider, which is enough to look at the form of files."""
    binary = shutil.which("terraform")
    if binary is None:
        pytest.skip("terraform is not installed: emr/terraform is not checked")
    copy = tmp_path_factory.mktemp("account")
    shutil.copytree(FOLDER, copy / "emr/terraform", ignore=shutil.ignore_patterns(".terraform*"))
    shutil.copytree(ROOT / "conf", copy / "conf")
    return Terraform(binary, copy / "emr/terraform")


@pytest.fixture(scope="module")
def account(terraform: Terraform) -> Terraform:
    """Terraform with its provider, in both roots."""
    folder = mirror()
    if folder is None:
        pytest.skip(f"no mirror of {PROVIDER} is installed (TERRAFORM_PLUGIN_DIR names one): emr/terraform is not planned")
    for root in ("", "bootstrap"):
        done(terraform.run("init", "-backend=false", "-no-color", f"-plugin-dir={folder.resolve()}", folder=root))
    return terraform


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def made(request: pytest.FixtureRequest, account: Terraform) -> Made:
    """The run of tests/environment.tftest.hcl, in full."""
    wanted = f"-filter={OF_AN_ENVIRONMENT}"
    printed = done(account.run("test", "-json", "-verbose", wanted, f"-var-file=envs/{request.param}.tfvars"))
    said = [json.loads(line) for line in printed.splitlines()]
    plan = next(x["test_plan"] for x in said if x["type"] == "test_plan" and x["@testrun"] == "plan")
    state = next(x["test_state"] for x in said if x["type"] == "test_state" and x["@testrun"] == "apply")
    resources = {r["address"]: r["values"] for r in below(state["root_module"])}
    outputs = {name: o["value"] for name, o in state["outputs"].items()}
    return Made(request.param, load_conf(request.param), plan["resource_changes"], resources, outputs)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_template_is_the_request_of_emr_submit(environment: str) -> None:
    conf = load_conf(environment)
    assert conf.emr is not None
    at = {"date": "2026-01-05"}
    assert evaluated(template("nightly", "night", environment, conf.emr), at) == nightly_request(conf, environment)
    assert evaluated(template("train", "train", environment, conf.emr), at) == job_run(conf, environment, starts.train(NIGHT))
    on_s3 = "s3://ours/conf/production-0123/production.yml"
    assert evaluated(template("nightly", "night", on_s3, conf.emr), at) == nightly_request(conf, on_s3)


def test_the_machine_sends_the_request_of_emr_submit(made: Made) -> None:
    assert made.conf.emr is not None
    roles = Roles(**made.outputs["role_arns"])
    ids = {"application_id": made.outputs["application_id"], "execution_role_arns": roles}
    conf = made.conf.model_copy(update={"emr": made.conf.emr.model_copy(update=ids)})
    for machine, start in {"night": starts.nightly(NIGHT), "train": starts.train(NIGHT)}.items():
        address = f'module.orchestration.aws_sfn_state_machine.start["{machine}"]'
        definition = json.loads(made.resources[address]["definition"])
        sent = evaluated(definition["States"]["Run"]["Arguments"], {"date": "2026-01-05"})
        assert sent == job_run(conf, made.environment, start)


def test_a_machine_starts_one_attempt_and_after_it_none(made: Made) -> None:
    for machine in ("night", "train"):
        definition = made.resources[f'module.orchestration.aws_sfn_state_machine.start["{machine}"]']["definition"]
        states = json.loads(definition)["States"]
        assert [n for n, s in states.items() if "startJobRun" in s.get("Resource", "")] == ["Run"]
        later = after(states, "Run")
        assert "CallSomebody" in later and "Run" not in later and "Look" not in later
        # whatever goes wrong calls somebody, and what goes to Run has looked before
        for name in ("Look", "Run"):
            assert {c["Next"] for c in states[name]["Catch"]} == {"CallSomebody"}
            assert states[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]
        assert states["Run"]["Catch"][0]["ErrorEquals"] == ["EMRServerless.ConflictException"]
        assert [n for n, s in states.items() if "Run" in following(s)] == ["IsNobodyAtIt"]
        assert states["IsNobodyAtIt"]["Default"] == "CallSomebody"


def test_a_machine_looks_for_runs_by_their_name(made: Made) -> None:
    for machine, start in {"night": starts.nightly(NIGHT), "train": starts.train(NIGHT)}.items():
        definition = made.resources[f'module.orchestration.aws_sfn_state_machine.start["{machine}"]']["definition"]
        look = json.loads(definition)["States"]["Look"]
        names = re.findall(r"'(telematics [^']*)' & \$date & '([^']*)'", look["Assign"]["others"])
        of_any, of_the_first = (f"{before}{NIGHT}{after}" for before, after in names)
        assert start.another(7).name == f"{of_any}7" and start.name == of_the_first
        assert made.outputs["application_id"] in look["Arguments"]


def test_machines_are_written_in_the_states_language(made: Made) -> None:
    machines = {address: r["definition"] for address, r in made.resources.items() if "aws_sfn_state_machine" in address}
    assert len(machines) == 4
    for definition in machines.values():
        AmazonStateLanguageParser.parse(definition)
    broken = next(iter(machines.values())).replace('"Resource"', '"Resouce"')
    with pytest.raises(ASLParserException):
        AmazonStateLanguageParser.parse(broken)


def test_the_watch_looks_for_runs_by_their_name(made: Made) -> None:
    definition = made.resources["module.orchestration.aws_sfn_state_machine.watch"]["definition"]
    found = re.search(r"'([^']*)' & \$date", json.loads(definition)["States"]["Look"]["Assign"]["found"])
    assert found is not None
    assert nightly_request(made.conf, made.environment)["name"].startswith(f"{found[1]}{NIGHT} ")


def test_outputs_are_what_a_configuration_takes(made: Made) -> None:
    assert made.conf.emr is not None
    places = {
        "lake": made.conf.lake, "landing_root": made.conf.landing.root, "log_uri": made.conf.emr.log_uri,
        "entry_point": made.conf.emr.entry_point, "anchor": made.conf.registry.anchor, "region": made.conf.emr.region,
        "lock_table": made.conf.spark["spark.io.delta.storage.S3DynamoDBLogStore.ddb.tableName"],
    }  # fmt: skip
    assert {name: made.outputs[name] for name in places} == places
    Emr(**{**made.conf.emr.model_dump(), "application_id": made.outputs["application_id"]})


def test_a_release_may_do_what_the_contract_says(made: Made) -> None:
    policies = {a: r["policy"] for a, r in made.resources.items() if a.startswith("module.pipeline[0].aws_iam_role_policy")}
    assert len(policies) == 2
    told = (ROOT / "docs/contract-emr.md").read_text().split("Who submits needs ")[1].split(" on the application")[0]
    (release,) = [p for a, p in policies.items() if '["release"]' in a]
    given = {s["Sid"]: s for s in json.loads(release)["Statement"]}
    assert {x.removeprefix("emr-serverless:") for x in given["Runs"]["Action"]} == set(re.findall(r"(\w+)`", told))
    # as bootstrap/ names it
    assert given["State"]["Resource"].endswith(f"-telematics-{made.environment}-state/telematics/{made.environment}.tfstate")


def test_no_lifecycle_on_live_delta(made: Made) -> None:
    """Delta's tables are in the lake's bucket and its copy: no rule there may move or end a current object."""
    lifecycles = {
        r["address"]: r["change"]["after"]["rule"] for r in made.planned if r["type"].endswith("lifecycle_configuration")
    }
    lake = {address: rules for address, rules in lifecycles.items() if '["lake"]' in address}
    assert len(lake) == 2
    for address, rules in lake.items():
        assert [(r["expiration"], r["transition"]) for r in rules] == [([], [])], address
    # while raw files move twice, and what was deleted goes everywhere
    landing = lifecycles['module.storage.module.bucket["landing"].aws_s3_bucket_lifecycle_configuration.this']
    raw = next(r for r in landing if r["id"] == "raw")
    assert {(t["days"], t["storage_class"]) for t in raw["transition"]} == {(30, "STANDARD_IA"), (90, "GLACIER_IR")}
    assert all(any(r["noncurrent_version_expiration"] for r in rules) for rules in lifecycles.values())


def test_events_may_be_told_of_without_a_condition(made: Made) -> None:
    """AWS's guide to EventBridge: of a topic's policy it supports no Condition."""
    policies = {a: json.loads(r["policy"])["Statement"] for a, r in made.resources.items() if "aws_sns_topic_policy" in a}
    by_topic = {topic: next(s for a, s in policies.items() if f'"{topic}"' in a) for topic in ("alerts", "reviewers")}
    of_events = {topic: [s for s in found if "events.amazonaws.com" in str(s["Principal"])] for topic, found in by_topic.items()}
    assert [("Condition" in s, s["Action"], s["Effect"]) for s in of_events["alerts"]] == [(False, "sns:Publish", "Allow")]
    # none of its rules goes there
    assert of_events["reviewers"] == []


def test_every_bucket_is_private_versioned_and_encrypted(made: Made) -> None:
    kinds = ("public_access_block", "versioning", "server_side_encryption_configuration", "policy", "lifecycle_configuration")
    buckets = {r["address"].removesuffix(".aws_s3_bucket.this") for r in made.planned if r["type"] == "aws_s3_bucket"}
    assert len(buckets) == 11
    there = {r["address"] for r in made.planned}
    assert {f"{b}.aws_s3_bucket_{kind}.this" for b in buckets for kind in kinds} <= there


def test_backups_are_kept_as_long_in_the_other_region(made: Made) -> None:
    copies = [r["change"]["after"] for r in made.planned if r["type"] == "aws_db_instance_automated_backups_replication"]
    (database,) = [r["change"]["after"] for r in made.planned if r["type"] == "aws_db_instance"]
    assert [c["retention_period"] for c in copies] == [database["backup_retention_period"]] == [30]


def test_models_are_trained_in_production_only_and_nothing_starts_by_itself_in_dev(made: Made) -> None:
    schedules = {address: r["state"] for address, r in made.resources.items() if "aws_scheduler_schedule" in address}
    on = {address.split('"')[1] for address, state in schedules.items() if state == "ENABLED"}
    wanted = {"dev": set(), "staging": {"night", "deadline"}, "production": {"night", "deadline", "train"}}
    assert on == wanted[made.environment]
    assert len(schedules) == 3
    # where nights are watched, a day on which nobody looked is an alarm
    (absent,) = (
        r for address, r in made.resources.items() if "aws_cloudwatch_metric_alarm" in address and "watch-absent" in address
    )
    assert absent["actions_enabled"] == ("deadline" in on)


def test_formatted(terraform: Terraform) -> None:
    done(terraform.run("fmt", "-check", "-recursive", "-diff"))


@pytest.mark.parametrize("root", ["", "bootstrap"])
def test_valid(account: Terraform, root: str) -> None:
    assert json.loads(done(account.run("validate", "-json", folder=root)))["diagnostics"] == []


def test_its_own_tests_pass(account: Terraform) -> None:
    files = [p for p in sorted((FOLDER / "tests").glob("*.tftest.hcl")) if not OF_AN_ENVIRONMENT.endswith(p.name)]
    filters = [f"-filter=tests/{p.name}" for p in files]
    printed = done(account.run("test", "-no-color", "-var-file=envs/production.tfvars", *filters))
    runs = sum(p.read_text().count("\nrun ") for p in files)
    assert f"Success! {runs} passed, 0 failed." in printed


def test_the_tests_of_the_states_bucket_pass(account: Terraform) -> None:
    assert re.search(r"[1-9]\d* passed, 0 failed", done(account.run("test", "-no-color", folder="bootstrap")))


def test_checkov_finds_nothing() -> None:
    own = ROOT / ".venv-tools/bin/checkov"
    binary = str(own) if own.is_file() else shutil.which("checkov")
    if binary is None:
        pytest.skip("checkov is not installed (make tools): emr/terraform is not scanned")
    scan = ["--framework", "terraform", "--quiet", "--compact", "--skip-download"]
    done(subprocess.run([binary, "-d", str(FOLDER), *scan], capture_output=True, text=True, check=False))


def test_exceptions_have_reasons_and_files_are_short() -> None:
    files = [p for p in FOLDER.rglob("*") if p.suffix in {".tf", ".hcl", ".tftpl", ".tfvars"} and ".terraform" not in p.parts]
    assert len(files) > 60
    for path in files:
        text = path.read_text()
        assert text.count("\n") <= LONGEST_FILE, path
        for skip in _SKIP.findall(text):
            assert re.fullmatch(r"CKV2?_AWS_\d+: ?\S.{15,}", skip), f"{path}: {skip}"


def test_the_page_names_every_module_and_output() -> None:
    page = (ROOT / "docs" / "terraform.md").read_text()
    modules = {p.name for p in (FOLDER / "modules").iterdir()}
    outputs = set(re.findall(r'^output "(\w+)"', (FOLDER / "outputs.tf").read_text(), re.MULTILINE))
    told = page.split("## What is where")[1].split("## Buckets")[0]
    assert modules == set(re.findall(r"^\| `(\w+)` \|", told, re.MULTILINE))
    table = page.split("## Outputs")[1].split("Ids, roles and")[0]
    assert outputs <= set(re.findall(r"`(\w+)`", table))
