"""Fields of single datasets: whatever form they are sent in, and what filters make of them."""

from pathlib import Path

import duckdb
import orjson
import pytest

from harvester.datasets import ACD, AUDIT, TRANSACTIONS, Dataset
from harvester.emulator import Behaviour, ListedAccount
from tests.acceptance.harness import DAY, bench
from tests.acceptance.histories import END, START, histories
from tests.acceptance.oracle import exact

pytestmark = pytest.mark.large
AUDITED = "cmd_name IN ('AddUser', 'AddSkill') AND ip IN ('10.1.0.3', '10.1.1.4', '10.1.2.5')"


async def test_what_the_extended_info_is_called_does_not_matter(tmp_path: Path) -> None:
    """Its fields have no column: they are in ``extra`` as sent; without the switch they are not there."""
    others = histories(300)
    async with bench(tmp_path, ListedAccount(), histories=others) as it:
        report = await it.harvest(START, END, dataset=TRANSACTIONS)
        bare = await it.harvest(
            START, END, dataset=TRANSACTIONS, name="bare", switches={"extended_info": False}
        )
        assert bare.unknown == ()
        assert "resource_type" in dict(report.unknown)
        documented = {item.name for item in TRANSACTIONS.fields}
        wanted = {
            record["transaction_id"]: {key: value for key, value in record.items() if key not in documented}
            for record in others["transactions"].sessions(START, END)
        }
        rows = duckdb.execute(
            f"SELECT transaction_id, extra FROM read_parquet('{tmp_path}/lake/transactions/**/*.parquet')"
        ).fetchall()
        assert {key: orjson.loads(extra or "{}") for key, extra in rows} == wanted
        assert sum(1 for _, extra in rows if extra) > 150


async def test_an_account_id_is_a_number_however_it_is_sent(tmp_path: Path) -> None:
    """As text or as a number it is the same account, and joins with the calls'."""
    async with bench(tmp_path, ListedAccount(), histories=histories(200)) as it:
        await it.harvest(START, START + 2 * DAY, dataset=TRANSACTIONS)
        it.emulator.behaviour = Behaviour(account_ids="number")
        await it.harvest(START, END, dataset=TRANSACTIONS)
        assert it.verdict(START, END, dataset=TRANSACTIONS) == exact(200)


async def test_arguments_and_results_are_json_whatever_they_are(tmp_path: Path) -> None:
    """An object is its JSON text, and so is a text: what is read back is what was sent."""
    others = histories(200)
    async with bench(tmp_path, ListedAccount(), Behaviour(audit_values="text"), histories=others) as it:
        await it.harvest(START, END, dataset=AUDIT)
        rows = duckdb.execute(
            f"SELECT audit_log_id, cmd_args FROM read_parquet('{tmp_path}/lake/audit/**/*.parquet')"
        ).fetchall()
        sent = {record["audit_log_id"]: record["cmd_args"] for record in others["audit"].sessions(START, END)}
        assert {key: orjson.loads(orjson.loads(text)) for key, text in rows} == sent


@pytest.mark.parametrize(
    ("dataset", "filters", "wanted"),
    [
        (
            TRANSACTIONS,
            {"transaction_type": "refund;card_payment"},
            "transaction_type ~ 'refund|card_payment'",
        ),
        (ACD, {"acd_queue_id": "104501"}, "acd_queue_id = 104501"),
        (ACD, {"min_waiting_time": "45"}, "waiting_duration >= 45"),
        (ACD, {"unserviced": "true"}, "user_id IS NULL"),
        (AUDIT, {"cmd_name": "AddUser;AddSkill", "ip": "10.1.0.3;10.1.1.4;10.1.2.5"}, AUDITED),
        (AUDIT, {"subuser_id": "501"}, "subuser_id = 501"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_filters_narrow_each(
    tmp_path: Path, dataset: Dataset, filters: dict[str, str], wanted: str
) -> None:
    """What a filter lets through is what the whole history says of it."""
    async with bench(tmp_path, ListedAccount(), histories=histories(600)) as it:
        await it.harvest(START, END, dataset=dataset)
        report = await it.harvest(START, END, dataset=dataset, name="some", filters=filters)
        (rows,) = duckdb.execute(
            f"SELECT count(*) FROM read_parquet('{tmp_path}/lake/{dataset.name}/**/*.parquet') WHERE {wanted}"
        ).fetchall()
        assert 0 < report.rows < 600
        assert rows == (report.rows,)
