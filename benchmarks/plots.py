"""Plots of the figures, as PNG and SVG; without matplotlib there are none, and the tables say the same."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def draw(figures: Mapping[str, Any], folder: Path) -> None:
    """Draw whatever there are figures of."""
    try:
        pyplot = importlib.import_module("matplotlib.pyplot")
    except ImportError:
        print("no plots: matplotlib is not installed (make bench installs it)")
        return
    if "peers" in figures:
        peers = figures["peers"]
        speeds = {name: row["rows/s"] for name, row in peers.items()}
        _bars(pyplot, speeds, "rows per second, 50 ms away", folder / "peers")
    if "scale" in figures:
        runs = figures["scale"]["runs"]
        memory = {f"{int(size):,}": row["memory MiB"] for size, row in runs.items()}
        _bars(pyplot, memory, "peak memory (MiB), by sessions", folder / "scale")
    if "budget" in figures:
        shares = {name: row["share"] for name, row in figures["budget"].items()}
        _bars(pyplot, shares, "share of the budget used", folder / "budget")


def _bars(pyplot: Any, values: Mapping[str, float], title: str, file: Path) -> None:  # noqa: ANN401  (matplotlib)
    figure, axes = pyplot.subplots(figsize=(7, 0.5 + 0.35 * len(values)), layout="constrained")
    bars = axes.barh(list(values), list(values.values()), color="#3b6ea5")
    axes.bar_label(bars, fmt="{:,g}", padding=3)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left")
    axes.margins(x=0.15)
    for ending in ("png", "svg"):
        figure.savefig(
            file.with_suffix(f".{ending}"), dpi=120, metadata={"Date": None} if ending == "svg" else {}
        )
    pyplot.close(figure)
