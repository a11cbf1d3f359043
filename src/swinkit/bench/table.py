"""What was measured, as rows, as a table and as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from swinkit.bench.contenders import Contender
from swinkit.bench.timing import figure, ratio


def rows_of(
    contenders: Sequence[Contender],
    seconds: Mapping[str, Sequence[float]],
    most: Mapping[str, float],
    *,
    batch: int,
    flops: float,
) -> list[dict[str, Any]]:
    """A row a contender, and with it how it stands against the fastest of each other project of its kind.

    Args:
        seconds: of a call, block by block, by name; `matmul` and `copy` too.
        most: FLOP and bytes of these two.
        flops: that one call of a contender needs.
    """
    peak = most["matmul"] / figure(seconds["matmul"]).median
    rows: list[dict[str, Any]] = []
    for each in contenders:
        found = figure(seconds[each.name])
        rate = flops / found.median
        rows.append({
            "project": each.project, "kind": each.kind, "setting": each.setting, "batch": batch,
            "seconds": asdict(found), "per_second": round(batch / found.median, 3), "made_in": round(each.made_in, 2),
            "gflops": round(rate / 1e9, 2), "of_matmul": round(rate / peak, 3), "against": {},
        })  # fmt: skip
    best: dict[tuple[str, str], str] = {}
    for each in sorted(contenders, key=lambda each: figure(seconds[each.name]).median, reverse=True):
        best[each.kind, each.project] = each.name  # the fastest comes last
    for each, row in zip(contenders, rows, strict=True):
        row["best"] = best[each.kind, each.project] == each.name
        for (kind, project), name in best.items():
            if kind == each.kind and project != each.project:
                row["against"][project] = asdict(ratio(seconds[name], seconds[each.name]))
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows in columns; `against` is how many times as fast our best setting is as a project's best."""
    lines = [f"{'kind':<20}{'project':<14}{'setting':<12}{'batch':>6}{'ms':>10}{'95 %':>20}{'a second':>10}"
             f"{'GFLOP/s':>9}{'of matmul':>10}{'made in s':>10}"]  # fmt: skip
    for row in rows:
        median, low, high = (row["seconds"][key] * 1e3 for key in ("median", "low", "high"))
        lines.append(
            f"{row['kind']:<20}{row['project']:<14}{row['setting']:<12}{row['batch']:>6}{median:>10.2f}"
            f"{f'{low:.2f} - {high:.2f}':>20}{row['per_second']:>10.2f}{row['gflops']:>9.1f}{row['of_matmul']:>10.2f}"
            f"{row['made_in']:>10.1f}"
        )
    for row in rows:
        if row["project"] == "swinkit" and row["best"]:
            lines += [
                f"{row['kind']}, batch {row['batch']}: {found['median']:.3f} [{found['low']:.3f}, {found['high']:.3f}] "
                f"times as fast as {project}"
                for project, found in row["against"].items()
            ]
    return "\n".join(lines)


def draw(groups: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Bars of inputs a second with their intervals, one axis a group of rows; writes a PNG."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    figure_, axes = plt.subplots(
        len(groups), 1, figsize=(9, sum(0.8 + 0.28 * len(rows) for rows in groups.values()) + 0.5),
        layout="constrained", squeeze=False, height_ratios=[1.5 + len(rows) for rows in groups.values()],
    )  # fmt: skip
    for axis, (title, rows) in zip(axes[:, 0], groups.items(), strict=True):
        names = [f"{row['project']}, {row['kind']}" + ("" if row["setting"] in row["kind"] else f", {row['setting']}")
                 for row in rows]  # fmt: skip
        rates = [row["per_second"] for row in rows]
        errors = [[max(row["per_second"] - row["batch"] / row["seconds"]["high"], 0) for row in rows],
                  [max(row["batch"] / row["seconds"]["low"] - row["per_second"], 0) for row in rows]]  # fmt: skip
        colours = ["#1a7f5a" if row["project"] == "swinkit" else "#9aa5b1" for row in rows]
        axis.barh(names, rates, xerr=errors, color=colours, error_kw={"lw": 1})
        axis.invert_yaxis()
        axis.set_title(title, loc="left", fontsize=10)
        axis.tick_params(labelsize=8)
    axes[-1, 0].set_xlabel("inputs a second (more is better), 95 % interval")
    figure_.savefig(path, dpi=110)
    plt.close(figure_)
