import json
from pathlib import Path

import click
import pytest
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from harvester.cli.config_file import COMMANDS, command_named
from harvester.cli.jobs import jobs
from harvester.cli.options import JOB, job, option, options
from harvester.config import VENDOR, Job
from harvester.datasets import CALLS
from harvester.errors import ConfigError
from harvester.number_key import NumberKey
from harvester.window import Window
from tests.keys import PRIVATE_KEY

NEEDED = ("--from", "2024-05-29", "--to", "2024-05-30", "--lake", "lake", "--credentials", "key.json")
DAY = Window(1_716_940_800, 1_717_027_200)


def ordered(*arguments: str, command: str = "backfill") -> Job:
    """The job that a command line describes."""
    return job(command_named(command).make_context(command, list(arguments)).params)


def test_the_defaults_are_those_of_a_job() -> None:
    """What is not said on the command line is what ``Job`` itself would take."""
    plain = Job(dataset=CALLS, name="calls", window=DAY, lake=Path("lake"), credentials=Path("key.json"))
    order = ordered(*NEEDED)
    assert order.endpoint == VENDOR
    assert (order.identity, order.shared) == (plain.identity, plain.shared)
    names = ("window", "lake", "credentials", "ca_file", "rate", "concurrency", "partition", "settle")
    assert all(getattr(order, name) == getattr(plain, name) for name in names)


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--name", "sales"], "name", "sales"),
        (["--rate", "none"], "rate", None),
        (["--rate", "2.5"], "rate", 2.5),
        (["--concurrency", "3"], "concurrency", 3),
        (["--partition", "hour"], "partition", "hour"),
        (["--settle", "15m"], "settle", 900),
        (["--endpoint", "http://127.0.0.1:1"], "endpoint", "http://127.0.0.1:1"),
        (["--ca-file", "ca.pem"], "ca_file", Path("ca.pem")),
        (["--no-calls"], "switches", {"calls": False, "records": True, "resources": True}),
        (
            ["--no-records", "--no-resources"],
            "switches",
            {"calls": True, "records": False, "resources": False},
        ),
        (["--application-id", "0"], "filters", {"application_id": "0"}),
        (["--custom-data", "a b"], "filters", {"custom_data": "a b"}),
        (["--user-id", "1", "--user-id", "2"], "filters", {"user_id": "1;2"}),
        (["--remote-number", "7495"], "filters", {"remote_number": "7495"}),
        (["--redact-urls"], "redact_urls", True),
        ([], "redact_urls", False),
        ([], "number_key", None),
        (["--children-calls-only"], "filters", {"children_calls_only": "true"}),
        (
            [
                "--application-id",
                "7",
                "--rule-name",
                "queue",
                "--child-account-id",
                "5",
                "--local-number",
                "1",
            ],
            "filters",
            {"application_id": "7", "rule_name": "queue", "child_account_id": "5", "local_number": "1"},
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_is_what_the_job_says(arguments: list[str], name: str, value: object) -> None:
    """Every option reaches the job; filters that were not given do not."""
    assert getattr(ordered(*NEEDED, *arguments), name) == value


@pytest.mark.parametrize(
    ("variable", "value", "name", "expected"),
    [
        ("HARVESTER_RATE", "3", "rate", 3.0),
        ("HARVESTER_CALLS", "false", "switches", {"calls": False, "records": True, "resources": True}),
        ("HARVESTER_CA_FILE", "ca.pem", "ca_file", Path("ca.pem")),
        ("HARVESTER_REDACT_URLS", "true", "redact_urls", True),
        ("HARVESTER_USER_ID", "1 2", "filters", {"user_id": "1;2"}),
        ("HARVESTER_CHILDREN_CALLS_ONLY", "true", "filters", {"children_calls_only": "true"}),
        ("HARVESTER_NAME", "", "name", "calls"),
    ],
)
def test_the_environment_can_say_everything(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, name: str, expected: object
) -> None:
    """Each option has a variable: ``--ca-file`` is ``HARVESTER_CA_FILE``."""
    monkeypatch.setenv(variable, value)
    assert getattr(ordered(*NEEDED), name) == expected


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in {"completion", "schema"}])
def test_no_option_is_without_its_variable(command: str) -> None:
    """In every command, by one rule."""
    for parameter in command_named(command).params:
        long = next(flag for flag in parameter.opts if flag.startswith("--"))
        assert isinstance(parameter.envvar, list)
        assert parameter.envvar[0] == f"HARVESTER_{long[2:].replace('-', '_').upper()}"


@pytest.mark.parametrize("variable", ["HARVESTER_CREDENTIALS", "VOXIMPLANT_CREDENTIALS"])
def test_the_key_file_may_be_named_by_the_vendor_s_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Where other clients of the vendor look, too."""
    monkeypatch.setenv(variable, "other.json")
    assert ordered(*NEEDED[:6]).credentials == Path("other.json")


def test_a_missing_key_file_is_a_sentence_with_the_remedy() -> None:
    """A usage error, before anything is asked."""
    with pytest.raises(ConfigError) as refused:
        ordered(*NEEDED[:6])
    assert str(refused.value) == "no key file: give --credentials FILE, or set VOXIMPLANT_CREDENTIALS"


@pytest.mark.parametrize("command", ["plan", "check"])
def test_plan_and_check_take_what_backfill_takes(command: str) -> None:
    """The same command line, another verb."""
    line = (*NEEDED, "--rate", "3", "--no-calls", "--settle", "2h")
    assert ordered(*line, command=command) == ordered(*line)


def test_check_needs_no_range() -> None:
    """Any will do."""
    assert ordered(*NEEDED[4:], command="check").window.seconds == 86_400


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--from", "soon"], "--from 'soon' is no date"),
        (["--to", "2024-05-29"], "the range is empty"),
        (["--rate", "0"], "--rate '0' must be from 0.00001"),
        (["--settle", "soon"], "--settle 'soon' is not a duration"),
        (["--concurrency", "0"], "--concurrency must be at least 1"),
        (["--name", "A"], "--name 'A' is not usable"),
        (["--rule-name", "queue"], "--rule-name needs --application-id"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], sentence: str) -> None:
    """Every refusal begins with the option that is wrong."""
    with pytest.raises(ConfigError, match=f"^{sentence}"):
        ordered(*NEEDED, *arguments)


def test_a_key_file_of_numbers_is_read_and_others_who_can_open_it_are_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By flag or by variable it is a path, so no key stands in either; the job has the key."""
    path = tmp_path / "numbers.key"
    path.write_text("k" * 32)
    path.chmod(0o644)
    key = ordered(*NEEDED, "--hash-numbers", str(path)).number_key
    assert key == NumberKey(b"k" * 32)
    assert f"chmod 600 {path}" in "".join(capsys.readouterr())
    monkeypatch.setenv("HARVESTER_HASH_NUMBERS", str(path))
    order = ordered(*NEEDED)
    assert order.number_key == key
    assert order.identity["hash_numbers"] == f"key {key.fingerprint}"
    assert "k" * 8 not in repr(order)


def test_what_would_show_what_is_to_be_hidden_is_refused(tmp_path: Path) -> None:
    """Answers as received, or a number that the ledger and every footer would name as a filter."""
    path = tmp_path / "numbers.key"
    path.write_text("k" * 32)
    hashing = (*NEEDED, "--hash-numbers", str(path))
    for line, sentence in [
        ((*NEEDED, "--redact-urls"), "all that --redact-urls is to hide"),
        (hashing, "all that --hash-numbers is to hide"),
    ]:
        values = command_named("backfill").make_context("backfill", list(line)).params
        with pytest.raises(ConfigError, match=f"^--keep-raw keeps answers as received, with {sentence}"):
            job(values, keep_raw=True)
    for name in ("local-number", "remote-number"):
        with pytest.raises(ConfigError, match=f"^--{name} would be written into the lake"):
            ordered(*hashing, f"--{name}", "79991234567")
    assert ordered(*NEEDED, "--redact-urls", "--remote-number", "79991234567").redact_urls


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_turns_the_check_of_certificates_off(command: str) -> None:
    """One may trust other certificates, by ``--ca-file``; none, never, neither by flag nor by variable."""
    for parameter in command_named(command).params:
        words = {
            word
            for name in (*parameter.opts, *parameter.secondary_opts)
            for word in name.strip("-").split("-")
        }
        assert not words & {"insecure", "tls", "ssl", "cert", "certificate", "check", "trust", "skip", "k"}
        assert "verify" not in words
    taken = {parameter.name: parameter for parameter in command_named("backfill").params}
    assert taken["ca_file"].type.name == "path"


@pytest.mark.parametrize(
    ("flags", "logged"),
    [
        ([], ["info", "warning"]),
        (["-v"], ["debug", "info", "warning"]),
        (["--quiet"], ["warning"]),
        (["-q", "-v"], ["warning"]),
    ],
    ids=str,
)
def test_flags_set_how_much_is_logged(
    capsys: pytest.CaptureFixture[str], flags: list[str], logged: list[str]
) -> None:
    """Every command has them; the command itself does not see them."""

    @click.command()
    @options(option("--lake"))
    def speak(lake: str) -> None:
        log = structlog.get_logger()
        log.debug(lake)
        log.info(lake)
        log.warning(lake)

    speak.main([*flags, "--lake", "x", "--log-format", "json"], standalone_mode=False)
    lines = capsys.readouterr().err.splitlines()
    assert [level for level in ("debug", "info", "warning") if f'"{level}"' in "".join(lines)] == logged
    assert len(lines) == len(logged)


def test_options_stand_in_the_help_in_their_order() -> None:
    """Those of the command first, those that all have last."""

    @click.command()
    @options(*JOB)
    def command(**_: object) -> None:
        """Stand for a command."""

    names = [parameter.opts[0] for parameter in command.params]
    assert names[:3] == ["--from", "--to", "--lake"]
    assert names[-4:] == ["--config", "--log-format", "-v", "-q"]


def key_file(folder: Path) -> Path:
    """A key of account 7."""
    pem = PRIVATE_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path = folder / "key.json"
    path.write_text(json.dumps({"account_id": 7, "key_id": "k", "private_key": pem}))
    return path


def test_accounts_are_named_by_their_ids(tmp_path: Path) -> None:
    """The key's own comes first, each once; what asks for it says whose it is."""
    key = key_file(tmp_path)
    needed = [*NEEDED[:-1], str(key), "--accounts", "9, 7,5,7", "--dataset", "transactions"]
    values = command_named("backfill").make_context("backfill", needed).params
    orders = jobs(values)
    assert [order.name for order in orders] == [f"transactions/account_id={number}" for number in (7, 5, 9)]
    assert [order.issuer for order in orders] == [None, 5, 9]
    assert [order.shared for order in orders] == [{"with_extended_info": "true"}] * 3
    asked = jobs({**values, "children_by": "parameter"})
    children = {"child_account_id": "5", "children_transactions_only": "true"}
    assert [order.issuer for order in asked] == [None] * 3
    assert asked[0].shared == orders[0].shared
    assert asked[1].shared == orders[0].shared | children
    assert [order.identity for order in asked] == [order.identity for order in orders]
    assert orders[1].identity["account_id"] == 5
    again = Job.of_identity(
        orders[1].identity, name=orders[1].name, window=DAY, lake=Path("lake"), credentials=key
    )
    assert again.account == orders[1].account


@pytest.mark.parametrize("text", ["", "some", "5;7", "5,", "0", "-5", "5.0", str(1 << 63), "9" * 5_000])
def test_what_is_no_list_of_accounts_is_refused(tmp_path: Path, text: str) -> None:
    """Nobody is asked then."""
    needed = [*NEEDED[:-1], str(key_file(tmp_path)), "--accounts", text]
    with pytest.raises(ConfigError, match="neither 'all' nor ids joined by commas"):
        jobs(command_named("backfill").make_context("backfill", needed).params)
