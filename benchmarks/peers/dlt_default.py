"""dlt's declarative ``rest_api`` source to Parquet, as its documentation has it: nested lists are tables."""

from typing import Any

import dlt
from dlt.sources.rest_api import rest_api_resources

from benchmarks.peers.work import METHOD, PAGE, PARTS, arguments, days


def main() -> None:
    """Load all days, several at once."""
    endpoint, token, folder = arguments()
    listed = dlt.resource([list(days())], name="days")
    config: dict[str, Any] = {
        "client": {
            "base_url": f"{endpoint}/platform_api/",
            "auth": {"type": "bearer", "token": token},
            "paginator": {
                "type": "offset",
                "limit": PAGE,
                "limit_param": "count",
                "total_path": "total_count",
            },
        },
        "resources": [
            listed,
            {
                "name": "calls",
                "parallelized": True,
                "endpoint": {
                    "path": METHOD,
                    "data_selector": "result",
                    "params": {
                        "from_date": "{resources.days.from_date}",
                        "to_date": "{resources.days.to_date}",
                        **PARTS,
                    },
                },
            },
        ],
    }
    pipeline = dlt.pipeline(
        "peer",
        destination=dlt.destinations.filesystem(f"file://{folder}/lake"),
        dataset_name="peer",
        pipelines_dir=str(folder / "pipelines"),
    )
    pipeline.run(rest_api_resources(config), loader_file_format="parquet")


if __name__ == "__main__":
    main()
