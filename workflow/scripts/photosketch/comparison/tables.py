"""Tables of the comparison, made once and rendered as Markdown, HTML and LaTeX."""

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from photosketch.comparison import published
from photosketch.comparison.summary import Choice, Comparison, at_epochs
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY, METRICS, Metric

VERDICTS = "verdicts"  # the anchor of the table of the primary metric
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
    """A heading, the names of the columns, rows of cells as text, and what a reader has to know:
    warnings before all else, and remarks."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    remarks: Sequence[str] = ()
    warnings: Sequence[str] = ()
    anchor: str = ""  # what a link of the page leads to it by

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", *markdown_lines(self.head, self.rows)]
        lines += [line for text in self.warnings for line in ("", f"**{text}**")]
        if self.remarks:
            lines += ["", *(f"- {text}" for text in self.remarks)]
        return "\n".join(lines)

    def html(self, sortable: bool = True) -> str:
        """A table; `sortable`: for a page whose script sorts by a column on a click on its name."""
        opening, closing = ('<button type="button">', "</button>") if sortable else ("", "")
        head = "".join(
            f'<th scope="col">{opening}{html.escape(name)}{closing}</th>' for name in self.head
        )
        body = "".join(
            f'<tr><th scope="row">{html.escape(row[0])}</th>'
            + "".join(f"<td>{_unbroken(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        kind = ' class="sortable"' if sortable else ""
        remarks = "".join(f"<li>{html.escape(text)}</li>" for text in self.remarks)
        warnings = "".join(
            f'<p class="warning" role="note">{html.escape(text)}</p>' for text in self.warnings
        )
        anchor = f' id="{self.anchor}"' if self.anchor else ""
        return (
            f'<h3{anchor}>{html.escape(self.title)}</h3><div class="scroll"><table{kind}>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{warnings}"
            + (f"<ul>{remarks}</ul>" if remarks else "")
        )

    def latex(self, note: str = "") -> str:
        """A booktabs table; its caption has the note on the features, warnings and remarks."""
        columns = "l" + "r" * (len(self.head) - 1)
        notes = [f"{note}."] if note else []
        texts = [f"{self.title}.", *notes, *self.warnings, *self.remarks]
        caption = " ".join(_latex(text) for text in texts)
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
    """The cell as HTML: where it is narrow, interval and mark go below the value, each unbroken."""
    value, bracket, rest = html.escape(cell).partition(" [")
    interval, _, mark = rest.partition("] ")
    parts = [
        value,
        *([f"[{interval.removesuffix(']')}]"] if bracket else []),
        *filter(None, [mark]),
    ]
    return " ".join(f"<span>{part}</span>" for part in parts)


def result_tables(comparison: Comparison) -> list[Table]:
    """What follows FID: FID, other people, and the chosen epochs, where there are any, all metrics,
    the differences."""
    choice = comparison.choice
    with_halves = comparison.scores["fid_other"].notna().any()
    return [
        *([other_people_table(comparison)] if with_halves else []),
        *([chosen_table(comparison, choice)] if choice else []),
        metric_table(comparison),
        *(difference_tables(comparison) if len(comparison.differences) else []),
    ]


def fid_table(comparison: Comparison) -> Table:
    """FID per subset of every method and of the photos in gray, and published values."""
    summary, counts = comparison.summary, comparison.counts
    rows = [
        [str(row["ablation"]), *(mean_and_deviation(summary, row, subset) for subset in counts)]
        for _, row in summary.iterrows()
    ]
    head = ["method", *(f"{subset_name(subset)} (n = {n})" for subset, n in counts.items())]
    comparable = comparison.comparable
    left_out = [entry for entry in comparison.published if entry not in comparable]
    return Table(
        "FID",
        head,
        [*rows, *reference_rows(comparison), *published_rows(comparison)],
        [
            *_fid_remarks(comparison.epochs, comparison.seeds),
            *published.remarks(comparable, left_out),
        ],
    )


def reference_rows(comparison: Comparison) -> list[list[str]]:
    """The rows of real images in the table of FID; they have no epochs."""
    return [
        [name, *_cells(comparison, own["fid"])]
        for name, own in _references_with(_FID, comparison.references).items()
    ]


def published_rows(comparison: Comparison) -> list[list[str]]:
    """The rows of published values in the table of FID, of the same features."""
    return [[entry.label, *_cells(comparison, entry.fid)] for entry in comparison.comparable]


def _cells(comparison: Comparison, fid: pd.Series | Mapping[str, float]) -> list[str]:
    """FID by subset as cells in the order of the table, a dash where it has none."""
    values = (fid.get(subset, math.nan) for subset in comparison.counts)
    return [number(comparison.summary, value) for value in values]


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
        [_FID_OTHER.remark, "Empty where a subset has fewer than four test people.", _OTHERS],
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
        "FID between the drawn and the true test sketches: lower is better.",
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
            over_seeds(_FID, pooled["fid"]),
            over_seeds(_FID, window[ablation]),
            _cell(_KID, pooled),
            *(over_seeds(_FID, own.loc[own["subset"] == name, "fid"]) for name in subsets),
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
    text = over_seeds(metric, by_seed[metric.key])
    ends = [f"{metric.key}_low", f"{metric.key}_high"]
    if ends[0] in by_seed and by_seed[ends].notna().all(axis=None):
        size = by_seed[metric.key].mean()
        low, high = (_value(metric, by_seed[end].mean(), size) for end in ends)
        text += f" [{low}, {high}]"
    return text


def over_seeds(metric: Metric, values: pd.Series) -> str:
    """The mean of a value per seed, ± deviation where there are several."""
    size = values.mean()
    text = _value(metric, size, size)
    return f"{text} ± {_value(metric, values.std(ddof=1), size)}" if len(values) > 1 else text


@dataclass(frozen=True)
class _Claim:
    """What a verdict speaks of, the interval that it follows from, and where both are found."""

    subject: str
    interval: str
    low: str
    high: str
    verdict: str

    def cell(self, metric: Metric, row: pd.Series) -> str:
        """A difference with its interval, `−1.50 [−2.25, −0.75]`."""
        low, high = row[self.low], row[self.high]
        size = high - low
        shown = [_value(metric, value, size, "+") for value in (row["difference"], low, high)]
        return f"{shown[0]} [{shown[1]}, {shown[2]}]"

    def marked(self, metric: Metric, row: pd.Series) -> str:
        """The cell with `better` or `worse` behind it, where the interval says so."""
        said = row[self.verdict]
        return self.cell(metric, row) + ("" if said == "undecided" else f" {said}")


_RUNS = _Claim("these runs", "over images", "run_low", "run_high", "run_verdict")
_METHODS = _Claim("the methods", "over images and seeds", "low", "high", "verdict")


def difference_tables(comparison: Comparison) -> list[Table]:
    """Each method against the reference: the primary lines, if there are any, and all others.

    Both verdicts where there are several seeds, the one on the very runs alone where there is one.
    """
    claims = [_RUNS, _METHODS] if len(comparison.seeds) > 1 else [_RUNS]
    primary = comparison.differences["role"] == "primary"
    return [
        *([_primary_table(comparison, claims)] if primary.any() else []),
        _descriptive_table(comparison, claims),
    ]


def _primary_table(comparison: Comparison, claims: Sequence[_Claim]) -> Table:
    differences = comparison.differences
    lines = differences[differences["role"] == "primary"]
    first, count = lines.iloc[0], len(lines)
    metric = BY_KEY[first["metric"]]
    rows = [
        [row["ablation"], *(text for c in claims for text in (c.cell(metric, row), row[c.verdict]))]
        for _, row in lines.iterrows()
    ]
    at_once = (
        f"The intervals hold for all {count} ablations at once with 95% (each for itself with "
        f"{100 * first['level']:.1f}%)"
        if count > 1
        else "The interval holds with 95%"
    )
    return Table(
        f"Difference to {first['reference']}: {metric.name}, all subsets (primary)",
        ["method", *(text for c in claims for text in (c.interval, f"verdict on {c.subject}"))],
        rows,
        [
            f"{metric.heading}, {_better(metric)} is better; means over the evaluated epochs, then "
            "over seeds. Better or worse: the interval to the left of the verdict leaves out zero. "
            f"{at_once}: with nothing true, about one table in twenty says better or worse"
            + (" of the methods; runs of one method differ too." if _METHODS in claims else "."),
            "Over images: a bootstrap over test images, the same ones for both sides; it speaks of "
            "these very runs. "
            + (
                "Over images and seeds: how far the seeds of a method scatter counts as well; it "
                "speaks of the methods."
                if _METHODS in claims
                else "Another run of the same ablation may differ by as much: with one seed "
                "nothing can be said of the ablations themselves."
            ),
        ],
        _contradictions(lines, differences, claims),
        VERDICTS,
    )


def _descriptive_table(comparison: Comparison, claims: Sequence[_Claim]) -> Table:
    differences, subsets, last = comparison.differences, comparison.subsets, claims[-1]
    rows = []
    for (method, key), group in differences.groupby(["ablation", "metric"], sort=False):
        metric, by_subset = BY_KEY[key], group.set_index("subset")
        pooled = by_subset.loc[POOLED]
        is_primary = pooled["role"] == "primary"
        cells = [
            "primary: above" if is_primary else claim.marked(metric, pooled) for claim in claims
        ]
        cells += [last.marked(metric, by_subset.loc[subset]) for subset in subsets]
        rows.append([method, metric.heading, *cells])
    lines = differences[differences["role"] == "descriptive"]
    known = int(lines[last.low].notna().sum())
    fixed = lines.loc[lines["seeds"] == 0, "ablation"].unique()
    headings = [f"all subsets, {claim.interval}" for claim in claims]
    remarks = [
        "Each line has its own 95% interval; better or worse stands behind an interval that leaves "
        f"out zero. With nothing true, up to 5% of these {known} "
        f"{last.interval + ' ' if len(claims) > 1 else ''}lines, {known / 20:.1f}, would say so by "
        "chance."
    ]
    if len(claims) > 1:
        remarks.append(f"The subsets' intervals are {last.interval}.")
    if comparison.points:
        remarks.append(
            "Points of sweeps, only descriptive, and without a part in the primary lines: "
            f"{', '.join(comparison.points)}."
        )
    if len(fixed):
        remarks.append(f"Images as they are, without seeds, only descriptive: {', '.join(fixed)}.")
    if differences[last.low].isna().any():
        remarks.append("[–, –]: no interval, of too few test images or scores that do not differ.")
    return Table(
        f"Difference to {differences['reference'].iloc[0]}: all metrics and subsets (descriptive)",
        ["method", "metric", *(headings if len(claims) > 1 else ["all subsets"]), *subsets],
        rows,
        remarks,
        _contradictions(lines[lines["subset"] == POOLED], differences, claims),
    )


def _better(metric: Metric) -> str:
    return "lower" if metric.lower_is_better else "higher"


def _contradictions(
    pooled: pd.DataFrame, differences: pd.DataFrame, claims: Sequence[_Claim]
) -> list[str]:
    """A warning for each line over all subsets that a subset says the opposite of."""
    warnings = []
    subject, said = claims[-1].subject, claims[-1].verdict
    for _, row in pooled.iterrows():
        opposite = {"better": "worse", "worse": "better"}.get(row[said])
        lines = differences[
            (differences["ablation"] == row["ablation"])
            & (differences["metric"] == row["metric"])
            & (differences["subset"] != POOLED)
            & (differences[said] == opposite)
        ]
        if len(lines):
            warnings.append(
                f"Warning: {row['ablation']} is {row[said]} by {BY_KEY[row['metric']].name} over "
                f"all subsets, but {opposite} on {', '.join(lines['subset'])} (verdicts on "
                f"{subject}): do not read the pooled value alone."
            )
    return warnings


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
