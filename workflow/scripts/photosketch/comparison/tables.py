"""Tables of the comparison, made once and rendered as Markdown, HTML and LaTeX."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from photosketch.comparison.summary import at_epochs, image_counts
from photosketch.evaluation.metrics import LOWER_IS_BETTER, NAMES, POOLED, SCALES

_REFERENCES = (
    "Other people's real sketches: training against test sketches, as many of one as of the other "
    "in each subset, the mean over 20 draws. Photo in gray: the photo in the sketch's place."
)
_KID = "KID: over the whole sets, unbiased; [95% interval by the jackknife over images]."
_DECIMALS = {"ssim": 4, "fsim": 4, "scoot": 4, "lpips": 4, "nlda": 1}


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
            + "".join(f"<td>{_unbroken_parts(cell)}</td>" for cell in row[1:])
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


def _unbroken_parts(cell: str) -> str:
    """The cell as HTML: where it is narrow its interval goes below the value, both in one piece."""
    value, bracket, interval = html.escape(cell).partition(" [")
    return f"<span>{value}</span>" + (f" <span>[{interval}</span>" if bracket else "")


def fid_table(summary: pd.DataFrame, scores: pd.DataFrame, references: pd.DataFrame) -> Table:
    """FID per subset of every method and of the real reference points."""
    counts = image_counts(scores)
    rows = [
        [str(row["ablation"]), *(mean_and_deviation(summary, row, subset) for subset in counts)]
        for _, row in summary.iterrows()
    ]
    for name in references["name"].unique():
        own = references[references["name"] == name].set_index("subset")
        cells = [
            number(summary, own.loc[subset, "fid"]) + _other_number(own, subset, n)
            if subset in own.index
            else "–"
            for subset, n in counts.items()
        ]
        rows.append([str(name), *cells])
    head = ["method", *(f"{subset_name(subset)} (n = {n})" for subset, n in counts.items())]
    return Table("FID", head, rows)


def _other_number(own: pd.DataFrame, subset: str, n: int) -> str:
    """The number of images behind a reference point (rows by subset), where it is not n."""
    return "" if own.loc[subset, "n"] == n else f" (n = {own.loc[subset, 'n']})"


def metric_table(
    scores: pd.DataFrame,
    methods: Sequence[str],
    references: pd.DataFrame,
    notes: Sequence[str] = (),
    subset: str = POOLED,
) -> Table:
    """Every metric for one subset: the mean over epochs and seeds, ± deviation over seeds.

    `notes`: what else a reader has to know.
    """
    metrics = [name for name in NAMES if name in scores and scores[name].notna().any()]
    rows = []
    for method in methods:
        chosen = scores[(scores["ablation"] == method) & (scores["subset"] == subset)]
        by_seed = chosen.groupby("seed")[[*metrics, "kid_low", "kid_high"]].mean()
        rows.append([method, *(_cell(metric, by_seed) for metric in metrics)])
    for name in references["name"].unique():
        own = references[(references["name"] == name) & (references["subset"] == subset)]
        if len(own):
            rows.append([str(name), *(_cell(metric, own) for metric in metrics)])
    arrows = [f"{NAMES[name]} {'↓' if name in LOWER_IS_BETTER else '↑'}" for name in metrics]
    remarks = [
        "↓ lower is better, ↑ higher is better. Means over the evaluated epochs, then over seeds; "
        "± deviation over seeds where there are several.",
        _KID,
        "SSIM, FSIM, SCOOT: the mean over images, each against its true sketch.",
        _REFERENCES,
    ]
    if "lpips" not in metrics:
        remarks.append("LPIPS is left out: its weights are not there (evaluation.lpips).")
    if "nlda" in metrics:
        remarks.append(
            "NLDA: people recognised at rank 1 by their drawn sketch, the mean over 20 splits."
        )
    else:
        remarks.append("NLDA recognition is left out: it needs 40 test people.")
    return Table(
        f"All metrics, {subset_name(subset)}", ["method", *arrows], rows, [*remarks, *notes]
    )


def chosen_table(
    scores: pd.DataFrame,
    chosen: pd.DataFrame,
    methods: Sequence[str],
    subsets: Sequence[str],
    references: pd.DataFrame,
    criterion: str = "fid",
) -> Table:
    """FID and KID at the epoch that the validation pairs chose, per method and seed.

    `chosen`: as `comparison.chosen_epochs` gives it, by the metric `criterion`. Rows of the real
    reference points follow; they have no epoch.
    """
    at_chosen = at_epochs(scores, chosen)
    window = scores[scores["subset"] == POOLED].groupby(["ablation", "seed"])["fid"].mean()
    rows = []
    for method in methods:
        own = at_chosen[at_chosen["ablation"] == method]
        epochs = own.drop_duplicates("seed").sort_values("seed")["epoch"]
        pooled = own[own["subset"] == POOLED]
        cells = [
            _over_seeds("fid", pooled["fid"]),
            _over_seeds("fid", window[method]),
            _cell("kid", pooled),
            *(_over_seeds("fid", own.loc[own["subset"] == name, "fid"]) for name in subsets),
        ]
        rows.append([method, ", ".join(map(str, epochs)), *cells])
    counts = image_counts(scores)
    for name in references["name"].unique():
        real = references[references["name"] == name].set_index("subset")
        fid = {
            subset: _cell("fid", real.loc[[subset]]) + _other_number(real, subset, counts[subset])
            if subset in real.index
            else "–"
            for subset in [POOLED, *subsets]
        }
        kid = _cell("kid", real.loc[real.index == POOLED])
        by_subset = [fid[subset] for subset in subsets]
        rows.append([str(name), "–", fid[POOLED], fid[POOLED], kid, *by_subset])
    head = [
        "method",
        "epoch",
        "FID",
        "FID, all epochs",
        NAMES["kid"],
        *(f"FID, {name}" for name in subsets),
    ]
    metric = NAMES[criterion].split()[0]
    return Table(
        "Test scores at the epoch chosen on the validation pairs",
        head,
        rows,
        [
            f"Each run's epoch is the one with the lowest {metric} of all validation pairs "
            "together; the test pairs have no part in the choice. ± deviation over seeds.",
            _KID,
            f"{_REFERENCES} They have no epochs.",
        ],
    )


def _cell(metric: str, by_seed: pd.DataFrame) -> str:
    """A metric's mean over rows, one a seed, ± deviation; KID with its interval where known."""
    if metric not in by_seed or not len(by_seed):
        return "–"
    text = _over_seeds(metric, by_seed[metric])
    if metric == "kid" and "kid_low" in by_seed and by_seed["kid_low"].notna().all():
        size, low, high = by_seed[["kid", "kid_low", "kid_high"]].mean()
        text += f" [{_value('kid', low, size)}, {_value('kid', high, size)}]"
    return text


def _over_seeds(metric: str, values: pd.Series) -> str:
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
    verdicts = ["verdict"] if several else ["verdict on these runs", "on the methods"]
    head = ["method", "metric", "all subsets", *verdicts, *subsets]
    rows = []
    for (method, metric), group in differences.groupby(["ablation", "metric"], sort=False):
        by_subset = group.set_index("subset")
        pooled, *others = (
            _interval(metric, row["difference"], row["low"], row["high"])
            for _, row in by_subset.loc[[POOLED, *subsets]].iterrows()
        )
        found = by_subset.loc[POOLED, ["run_verdict", "verdict"]].tolist()[-len(verdicts) :]
        rows.append([method, NAMES[metric], pooled, *found, *others])
    return Table(
        f"Difference to {reference}",
        head,
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


def _interval(metric: str, difference: float, low: float, high: float) -> str:
    """`−1.50 [−2.25, −0.75]`"""
    first, second, third = (
        _value(metric, value, high - low, sign="+") for value in (difference, low, high)
    )
    return f"{first} [{second}, {third}]"


def _value(metric: str, value: float, size: float, sign: str = "") -> str:
    """A value in the table's unit, with as many decimals as a value of `size` needs."""
    if math.isnan(value):
        return "–"
    scale = SCALES.get(metric, 1)
    return f"{value * scale:{sign}.{_decimals(metric, size * scale)}f}".replace("-", "−")


def _decimals(metric: str, size: float) -> int:
    """FID and KID: two decimals, or three digits of small values."""
    if metric in _DECIMALS:
        return _DECIMALS[metric]
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
