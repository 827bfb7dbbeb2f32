"""Tables of the comparison, made once and rendered as Markdown, HTML and LaTeX."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from photosketch.comparison.summary import Choice, Comparison, at_epochs
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY, METRICS, Metric

_OTHERS = (
    "Other people's real sketches: true sketches of half of the people against those of the other "
    "half, on the same splits. A scale for FID, other people, not a floor."
)
_KID_OF_OTHERS = (
    "Their KID is near 0 by construction: over all splits the same pairs are compared within the "
    "halves and between them."
)
_PHOTOS = "Photo in gray: the photo in the sketch's place."
_FID, _KID, _FID_OTHER = BY_KEY["fid"], BY_KEY["kid"], BY_KEY["fid_other"]


@dataclass(frozen=True)
class Table:
    """A heading, the names of the columns, rows of cells as text, and what a reader has to know."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", *markdown_lines(self.head, self.rows)]
        if self.remarks:
            lines += ["", *(f"- {text}" for text in self.remarks)]
        return "\n".join(lines)

    def html(self) -> str:
        """A table whose columns sort when their names are clicked."""
        head = "".join(
            f'<th scope="col"><button type="button">{html.escape(name)}</button></th>'
            for name in self.head
        )
        body = "".join(
            f'<tr><th scope="row">{html.escape(row[0])}</th>'
            + "".join(f"<td>{_unbroken(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        remarks = "".join(f"<li>{html.escape(text)}</li>" for text in self.remarks)
        return (
            f'<h3>{html.escape(self.title)}</h3><div class="scroll"><table class="sortable">'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
            + (f"<ul>{remarks}</ul>" if remarks else "")
        )

    def latex(self) -> str:
        """A booktabs table; the remarks are its caption."""
        columns = "l" + "r" * (len(self.head) - 1)
        caption = " ".join(_latex(text) for text in [f"{self.title}.", *self.remarks])
        return "\n".join(
            [
                r"\begin{table}",
                r"\centering",
                rf"\caption{{{caption}}}",
                rf"\begin{{tabular}}{{{columns}}}",
                r"\toprule",
                " & ".join(map(_latex, self.head)) + r" \\",
                r"\midrule",
                *(" & ".join(map(_latex, row)) + r" \\" for row in self.rows),
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )


def _unbroken(cell: str) -> str:
    """The cell as HTML: where it is narrow its interval goes below the value, both in one piece."""
    value, bracket, interval = html.escape(cell).partition(" [")
    return f"<span>{value}</span>" + (f" <span>[{interval}</span>" if bracket else "")


def result_tables(comparison: Comparison) -> list[Table]:
    """What follows FID: FID, other people, and the chosen epochs, where there are any, all metrics,
    the differences."""
    choice, differences = comparison.choice, comparison.differences
    with_halves = comparison.scores["fid_other"].notna().any()
    return [
        *([other_people_table(comparison)] if with_halves else []),
        *([chosen_table(comparison, choice)] if choice else []),
        metric_table(comparison),
        *([difference_table(differences, comparison.subsets)] if len(differences) else []),
    ]


def fid_table(comparison: Comparison) -> Table:
    """FID per subset of every method and of the photos in gray."""
    summary, references, counts = comparison.summary, comparison.references, comparison.counts
    rows = [
        [str(row["ablation"]), *(mean_and_deviation(summary, row, subset) for subset in counts)]
        for _, row in summary.iterrows()
    ]
    for name, own in _references_with(_FID, references).items():
        values = [own["fid"].get(subset, math.nan) for subset in counts]
        rows.append([name, *(number(summary, value) for value in values)])
    head = ["method", *(f"{subset_name(subset)} (n = {n})" for subset, n in counts.items())]
    return Table("FID", head, rows, _fid_remarks(comparison.epochs, comparison.seeds))


def other_people_table(comparison: Comparison) -> Table:
    """FID, other people, per subset of every method and of the real reference points."""
    summary, counts = comparison.summary, comparison.counts
    halves = {subset: counts[subset] // 2 for subset in comparison.subsets}
    halves[POOLED] = sum(halves.values())
    rows = [
        [str(row["ablation"]), *(number(summary, row[f"{subset}_other"]) for subset in counts)]
        for _, row in summary.iterrows()
    ]
    for name, own in _references_with(_FID_OTHER, comparison.references).items():
        values = [own["fid_other"].get(subset, math.nan) for subset in counts]
        rows.append([name, *(number(summary, value) for value in values)])
    return Table(
        _FID_OTHER.name,
        ["method", *(f"{subset_name(name)} (n = 2 × {halves[name]})" for name in counts)],
        rows,
        [_FID_OTHER.remark, "None with fewer than four people.", _OTHERS],
    )


def _references_with(metric: Metric, references: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The reference points that have a metric at all: name -> rows by subset."""
    if metric.key not in references:
        return {}
    known = references[references[metric.key].notna()]
    return {str(name): own.set_index("subset") for name, own in known.groupby("name", sort=False)}


def _fid_remarks(epochs: Sequence[int], seeds: Sequence[int]) -> list[str]:
    if len(seeds) > 1:
        average = f"over {epochs_in_words(epochs)}, then " if len(epochs) > 1 else ""
        values = f"Mean {average}over {seeds_in_words(seeds)}; ± deviation over the seeds."
    elif len(epochs) > 1:
        values = (
            f"Mean ± standard deviation over {epochs_in_words(epochs)}; {seeds_in_words(seeds)}. "
            "The deviation is that of one run's checkpoints: it does not say how far another run "
            "would be off, and a difference within it is no evidence."
        )
    else:
        values = (
            f"{epochs_in_words(epochs).capitalize()}; {seeds_in_words(seeds)}: a single value "
            "each, without any measure of scatter."
        )
    return [
        "FID between the generated and the real test sketches: lower is better.",
        "FID is biased upward, the more so the smaller n: compare methods within a column only, "
        "never one column with another.",
        values,
    ]


def epochs_in_words(epochs: Sequence[int]) -> str:
    if len(epochs) == 1:
        return f"epoch {epochs[0]}"
    steps = {later - earlier for earlier, later in pairwise(epochs)}
    if len(epochs) <= 3 or len(steps) > 1:
        return f"epochs {', '.join(map(str, epochs))}"
    return f"epochs {epochs[0]} to {epochs[-1]} in steps of {steps.pop()}"


def seeds_in_words(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def metric_table(comparison: Comparison) -> Table:
    """Every metric of all subsets together: the mean over epochs and seeds, ± deviation over seeds.

    Metrics that were not computed are left out.
    """
    scores, references = (
        table[table["subset"] == POOLED] for table in (comparison.all_scores, comparison.references)
    )
    shown = [m for m in METRICS if m.key in scores and scores[m.key].notna().any()]
    by_image = ", ".join(metric.name for metric in shown if metric.per_image)
    rows = []
    for name, own in scores.groupby("ablation", sort=False):
        by_seed = own.groupby("seed").mean(numeric_only=True)
        rows.append([str(name), *(_cell(metric, by_seed) for metric in shown)])
    for name, own in references.groupby("name", sort=False):
        rows.append([str(name), *(_cell(metric, own) for metric in shown)])
    return Table(
        "All metrics, all subsets",
        ["method", *(f"{m.heading} {'↓' if m.lower_is_better else '↑'}" for m in shown)],
        rows,
        [
            "↓ lower is better, ↑ higher is better. Means over the evaluated epochs, then over "
            "seeds; ± deviation over seeds where there are several.",
            *(m.remark for m in shown if m.remark),
            f"{by_image}: the mean over images, each against its true sketch.",
            *([f"{_OTHERS} {_KID_OF_OTHERS}"] if _FID_OTHER in shown else []),
            _PHOTOS,
            *(m.left_out for m in METRICS if m not in shown and m.left_out),
            *comparison.notes,
        ],
    )


def chosen_table(comparison: Comparison, choice: Choice) -> Table:
    """FID and KID at the epoch that the validation pairs chose, per ablation and seed.

    The photos in gray follow; they have no epoch.
    """
    scores, references, subsets = comparison.scores, comparison.references, comparison.subsets
    at_chosen = at_epochs(scores, choice)
    window = scores[scores["subset"] == POOLED].groupby(["ablation", "seed"])["fid"].mean()
    rows = []
    for ablation in comparison.ablations:
        own = at_chosen[at_chosen["ablation"] == ablation]
        epochs = own.drop_duplicates("seed").sort_values("seed")["epoch"]
        pooled = own[own["subset"] == POOLED]
        cells = [
            _over_seeds(_FID, pooled["fid"]),
            _over_seeds(_FID, window[ablation]),
            _cell(_KID, pooled),
            *(_over_seeds(_FID, own.loc[own["subset"] == name, "fid"]) for name in subsets),
        ]
        rows.append([ablation, ", ".join(map(str, epochs)), *cells])
    for name, real in _references_with(_FID, references).items():
        fid = {subset: _cell(_FID, real.loc[real.index == subset]) for subset in comparison.counts}
        kid = _cell(_KID, real.loc[real.index == POOLED])
        by_subset = [fid[subset] for subset in subsets]
        rows.append([name, "–", fid[POOLED], fid[POOLED], kid, *by_subset])
    return Table(
        "Test scores at the epoch chosen on the validation pairs",
        [
            "method",
            "epoch",
            "FID",
            "FID, all epochs",
            _KID.heading,
            *(f"FID, {name}" for name in subsets),
        ],
        rows,
        [
            f"Each run's epoch is the one with the lowest {BY_KEY[choice.metric].name} of all "
            "validation pairs together; the test pairs have no part in the choice. ± deviation "
            "over seeds.",
            _KID.remark,
            f"{_PHOTOS} It has no epochs.",
        ],
    )


def _cell(metric: Metric, by_seed: pd.DataFrame) -> str:
    """A metric's mean over rows, one per seed, ± deviation, with its interval where known."""
    if metric.key not in by_seed or not len(by_seed):
        return "–"
    text = _over_seeds(metric, by_seed[metric.key])
    ends = [f"{metric.key}_low", f"{metric.key}_high"]
    if ends[0] in by_seed and by_seed[ends].notna().all(axis=None):
        size = by_seed[metric.key].mean()
        low, high = (_value(metric, by_seed[end].mean(), size) for end in ends)
        text += f" [{low}, {high}]"
    return text


def _over_seeds(metric: Metric, values: pd.Series) -> str:
    """The mean of a value per seed, ± deviation where there are several."""
    size = values.mean()
    text = _value(metric, size, size)
    return f"{text} ± {_value(metric, values.std(ddof=1), size)}" if len(values) > 1 else text


_ON_RUNS = (
    " On these runs that is said by the test images alone. Another run of the same method may "
    "differ, so that of methods with one seed it says undecided."
)


def difference_table(differences: pd.DataFrame, subsets: Sequence[str]) -> Table:
    """Each method against the reference: differences with 95% intervals, and what they say."""
    reference = differences["reference"].iloc[0]
    several = (differences["seeds"] > 1).all()
    verdicts = (
        {"verdict": "verdict"}
        if several
        else {"run_verdict": "verdict on these runs", "verdict": "on the methods"}
    )
    rows = []
    for (method, key), group in differences.groupby(["ablation", "metric"], sort=False):
        metric, by_subset = BY_KEY[key], group.set_index("subset")
        pooled, *others = (
            _interval(metric, row["difference"], row["low"], row["high"])
            for _, row in by_subset.loc[[POOLED, *subsets]].iterrows()
        )
        said = by_subset.loc[POOLED, list(verdicts)]
        rows.append([method, metric.heading, pooled, *said, *others])
    return Table(
        f"Difference to {reference}",
        ["method", "metric", "all subsets", *verdicts.values(), *subsets],
        rows,
        [
            "Difference of the means over the evaluated epochs and seeds, with a 95% interval: a "
            "bootstrap over test images, the same ones for both sides (200 draws), and over seeds "
            "where there are several.",
            "Better or worse: the interval over all subsets leaves out zero."
            + ("" if several else _ON_RUNS),
        ],
    )


def cost_table(costs: pd.DataFrame) -> Table:
    """Time and memory of every stage, from `costs.read_benchmarks`."""
    on_gpu = costs["gpu_mb"].notna().any()
    rows = [
        [
            str(row["rule"]),
            str(row["jobs"]),
            f"{row['seconds'] / 60:.1f}",
            f"{row['longest'] / 60:.1f}",
            _gigabytes(row["memory_mb"]),
            *([_gigabytes(row["gpu_mb"])] if on_gpu else []),
        ]
        for _, row in costs.iterrows()
    ]
    head = ["stage", "jobs", "minutes in all", "longest job, minutes", "peak memory, GB"]
    gpu = "GPU memory: the peak of tensors." if on_gpu else "The logs tell of no GPU memory."
    return Table(
        "Cost",
        [*head, "peak GPU memory, GB"] if on_gpu else head,
        rows,
        [f"Wall time and main memory of the last run of each job. {gpu}"],
    )


def _gigabytes(megabytes: float) -> str:
    return "–" if math.isnan(megabytes) else f"{megabytes / 1000:.1f}"


def subset_name(subset: str) -> str:
    return "all subsets" if subset == POOLED else subset


def number(summary: pd.DataFrame, value: float) -> str:
    """With two decimals, or as many as the table's smallest mean needs for three digits."""
    if math.isnan(value):
        return "–"
    means = summary[[name for name in summary if f"{name}_last" in summary]].abs()
    smallest = means.where(means > 0).min().min()
    decimals = 2 if math.isnan(smallest) else max(2, 2 - math.floor(math.log10(smallest)))
    return f"{value:.{decimals}f}"


def mean_and_deviation(summary: pd.DataFrame, row: pd.Series, subset: str) -> str:
    """`28.43 ± 0.45`: the deviation over seeds, with one seed over epochs, with one epoch none."""
    deviations = [row[f"{subset}_seed_sd"], row[f"{subset}_epoch_sd"]]
    known = [value for value in deviations if not math.isnan(value)]
    mean = number(summary, row[subset])
    return f"{mean} ± {number(summary, known[0])}" if known else mean


def markdown_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, its columns padded to one width; the first one left-aligned."""
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [head, *rows]]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| "
        + " | ".join(
            cell.rjust(width) if index else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in cells
    ]
    rule = [f"{'-' * (width - 1)}{':' if index else '-'}" for index, width in enumerate(widths)]
    return [lines[0], f"| {' | '.join(rule)} |", *lines[1:]]


def _interval(metric: Metric, difference: float, low: float, high: float) -> str:
    """`−1.50 [−2.25, −0.75]`"""
    first, second, third = (
        _value(metric, value, high - low, sign="+") for value in (difference, low, high)
    )
    return f"{first} [{second}, {third}]"


def _value(metric: Metric, value: float, size: float, sign: str = "") -> str:
    """A value in the table's unit, with as many decimals as a value of `size` needs."""
    if math.isnan(value):
        return "–"
    decimals = _decimals(size * metric.scale) if metric.decimals is None else metric.decimals
    return f"{value * metric.scale:{sign}.{decimals}f}".replace("-", "−")


def _decimals(size: float) -> int:
    """Two decimals, or three digits of small values."""
    if not size or math.isnan(size):
        return 2
    return min(8, max(2, 2 - math.floor(math.log10(abs(size)))))


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "–": "--",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def _latex(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
