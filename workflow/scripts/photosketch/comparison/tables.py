"""Tables of the comparison: cells of text, the same for Markdown, LaTeX and the page."""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from photosketch.comparison.summary import Comparison, epochs_in_words, seeds_in_words, subset_name
from photosketch.evaluation.files import POOLED
from photosketch.evaluation.metrics import BY_KEY, METRICS, Metric

Rows = list[list[str]]
Cells = Collection[tuple[int, int]]  # row and column
_OTHERS = (
    "Other people's real sketches: true sketches of half of the people against true sketches of "
    "the other half, on the same splits. A scale for FID, other people, not a lower limit."
)
_KID_OF_OTHERS = (
    "Their KID is near 0 by construction: over all splits the same pairs occur within and between "
    "the halves."
)
_PHOTOS = "Photo in gray: the photo, scored as a drawn sketch."
_FID, _KID, _FID_OTHER = BY_KEY["fid"], BY_KEY["kid"], BY_KEY["fid_other"]
_LATEX = str.maketrans(
    {character: rf"\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "↓": r"$\downarrow$", "↑": r"$\uparrow$"}
    | {"±": r"$\pm$", "×": r"$\times$", "−": "$-$", "–": "--"}
)
_LATEX_HEAD = r"""% As a document: pdflatex tables.tex
% In a paper: \usepackage{booktabs,graphicx} and \input{tables}
\ifdefined\thesection\else
\documentclass{article}
\usepackage{booktabs,graphicx}
\begin{document}
\def\tablesbythemselves{}
\fi
"""
_LATEX_END = r"""\ifdefined\tablesbythemselves
\end{document}
\fi
"""


@dataclass(frozen=True)
class Table:
    """A heading, the names of the columns, rows of cells as text, warnings and remarks. `best`: row
    and column of the best value of each column."""

    title: str
    head: Sequence[str]
    rows: Rows
    remarks: Sequence[str] = ()
    warnings: Sequence[str] = ()
    best: Cells = ()

    def markdown(self) -> str:
        lines = [f"## {self.title}", "", *markdown_lines(self.head, self.rows, self.best)]
        lines += [line for text in self.warnings for line in ("", f"**{text}**")]
        if self.remarks:
            lines += ["", *(f"- {text}" for text in self.remarks)]
        return "\n".join(lines)

    def latex(self, note: str = "") -> str:
        """A booktabs table no wider than the text, with its title as caption. The note on the
        features, warnings and remarks are below in small print."""
        texts = [*([f"{note}."] if note else []), *self.warnings, *self.remarks]
        cells = [[cell.translate(_LATEX) for cell in row] for row in [self.head, *self.rows]]
        bold = _marked(cells[1:], self.best, r"\textbf{{{}}}")
        lines = [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{self.title.translate(_LATEX)}.}}",
            rf"\label{{tab:{re.sub('[^a-z0-9]+', '-', self.title.lower())}}}",
            r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{l{'r' * (len(self.head) - 1)}}}",
            r"\toprule",
            " & ".join(cells[0]) + r" \\",
            r"\midrule",
            *(" & ".join(row) + r" \\" for row in bold),
            r"\bottomrule",
            r"\end{tabular}}",
            rf"\par\smallskip\footnotesize {' '.join(texts).translate(_LATEX)}",
            r"\end{table}",
        ]
        return "\n".join([*lines, ""])


def latex_document(tables: Sequence[Table], note: str) -> str:
    """All tables as one file, for `pdflatex` alone or for `\\input` in a paper."""
    return "\n".join([_LATEX_HEAD, *(table.latex(note) for table in tables), _LATEX_END])


def markdown_lines(head: Sequence[str], rows: Rows, best: Cells = ()) -> list[str]:
    """A Markdown table with the `best` cells in bold, the cells of a column padded to one width,
    the first column left-aligned."""
    bold = _marked(rows, best, "**{}**")
    cells = [[cell.replace("|", "\\|") for cell in line] for line in [head, *bold]]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for first, *others in [cells[0], rule, *cells[1:]]:
        padded = [first.ljust(widths[0]), *map(str.rjust, others, widths[1:])]
        lines.append(f"| {' | '.join(padded)} |")
    return lines


def _marked(rows: Rows, best: Cells, bold: str) -> Rows:
    """The rows; `bold` is the form of the best cells."""
    return [
        [bold.format(cell) if (i, j) in best else cell for j, cell in enumerate(row)]
        for i, row in enumerate(rows)
    ]


def fid_table(comparison: Comparison) -> Table:
    """FID per subset for every method and the photos in gray, and published values."""
    counts, summary = comparison.columns, comparison.summary
    rows = [
        [row["ablation"], *(mean_and_deviation(comparison, row, subset) for subset in counts)]
        for _, row in summary.iterrows()
    ]
    return Table(
        "FID",
        ["method", *(f"{subset_name(subset)} (n = {n})" for subset, n in counts.items())],
        rows + fixed_rows(comparison, published=True),
        [
            "FID between the drawn and the true test sketches: lower is better.",
            "FID is biased upward, more so for smaller n: compare methods within a column, never "
            "two columns.",
            _scatter(comparison.epochs, comparison.seeds),
            *_published_remarks(comparison),
        ],
        best=best_cells([(summary[subset], True) for subset in counts]),
    )


def method_rows(comparison: Comparison, column: str) -> Rows:
    """A row per method of a column of the summary, such as `{}_last`, with a cell per subset."""
    columns = [column.format(subset) for subset in comparison.columns]
    return [
        [row["ablation"], *(number(comparison, value) for value in row[columns])]
        for _, row in comparison.summary.iterrows()
    ]


def best_cells(columns: Sequence[tuple[Sequence[float], bool]]) -> set[tuple[int, int]]:
    """Row and column of the best value in each of a table's columns. `columns`: values, and whether
    lower is better; the table's first column, names, is not among them. A column with fewer than
    two values has no best."""
    best = set()
    for place, (values, lower_is_better) in enumerate(columns, 1):
        known = [(-v if lower_is_better else v, row) for row, v in enumerate(values) if v == v]
        if len(known) > 1:
            best.add((max(known)[1], place))
    return best


def fixed_rows(comparison: Comparison, metric: Metric = _FID, published: bool = False) -> Rows:
    """The rows of a metric without epochs: real images, and published values of the same features.
    A missing value is a dash."""
    known = comparison.references.dropna(subset=metric.key).groupby("name", sort=False)
    levels = {name: own.set_index("subset")[metric.key].to_dict() for name, own in known}
    if published:
        shown = comparison.comparable.items()
        levels |= {f"{name} (published)": one["fid"] for name, one in shown}
    rows = []
    for name, values in levels.items():
        # the only subset of a run can have the value of `all`
        other = math.nan if comparison.parts else values.get(POOLED, math.nan)
        cells = [number(comparison, values.get(s, other)) for s in comparison.columns]
        rows.append([name, *cells])
    return rows


def _scatter(epochs: Sequence[int], seeds: Sequence[int]) -> str:
    """The remark on means and deviations in the table of FID."""
    if len(seeds) > 1:
        average = f"over {epochs_in_words(epochs)}, then " if len(epochs) > 1 else ""
        return f"Mean {average}over {seeds_in_words(seeds)}; ± deviation over the seeds."
    if len(epochs) > 1:
        return (
            f"Mean ± standard deviation over {epochs_in_words(epochs)}; {seeds_in_words(seeds)}. "
            "This is the deviation of one run's checkpoints: it does not say how far another run "
            "would be off, and a smaller difference is not evidence."
        )
    return (
        f"{epochs_in_words(epochs).capitalize()}; {seeds_in_words(seeds)}: single values, without "
        "any measure of scatter."
    )


def _published_remarks(comparison: Comparison) -> Iterator[str]:
    """The sources of the published values, and the values that are not shown."""
    published, comparable = comparison.published, comparison.comparable
    by_source: dict[str, list[str]] = {}
    for name, one in comparable.items():
        by_source.setdefault(one["source"], []).append(name)
    if by_source:
        sources = "; ".join(f"{', '.join(names)}: {source}" for source, names in by_source.items())
        yield (
            "Published values are printed values of their authors' runs and programs: compare them "
            f"with this column only if test people and scoring are the same. {sources}."
        )
    others = [f"{n} ({one['features']})" for n, one in published.items() if n not in comparable]
    if others:
        yield f"Published values left out, because their features differ: {', '.join(others)}."


def other_people_table(comparison: Comparison) -> Table:
    """FID, other people, per subset for every method and for real images."""
    counts = comparison.columns
    halves = {subset: counts[subset] // 2 for subset in comparison.subsets}
    halves[POOLED] = sum(halves.values())
    return Table(
        _FID_OTHER.name,
        ["method", *(f"{subset_name(name)} (n = 2 × {halves[name]})" for name in counts)],
        method_rows(comparison, "{}_other") + fixed_rows(comparison, _FID_OTHER),
        [_FID_OTHER.remark, "A subset of fewer than four test people has no value.", _OTHERS],
    )


def metric_tables(comparison: Comparison) -> list[Table]:
    """All metrics; FID, other people, by subset; and the scores at the chosen epochs."""
    tables = [metric_table(comparison)]
    if comparison.scores["fid_other"].notna().any():
        tables.append(other_people_table(comparison))
    if comparison.choice:
        tables.append(chosen_table(comparison))
    return tables


def metric_table(comparison: Comparison) -> Table:
    """Every computed metric of all subsets together: the mean over epochs and seeds, ± deviation
    over seeds."""
    shown = shown_metrics(comparison.all_scores)
    drawn = comparison.all_scores[comparison.all_scores["subset"] == POOLED]
    real = comparison.references[comparison.references["subset"] == POOLED]
    by_run = drawn.groupby(["ablation", "seed"], sort=False).mean(numeric_only=True)
    by_method = by_run.groupby("ablation", sort=False)
    means, rows = by_method.mean(), []
    for method, values in [*by_method, *real.groupby("name", sort=False)]:
        by_seed = values.sort_index()
        rows.append([method, *(_with_interval(metric, by_seed) for metric in shown)])
    by_image = ", ".join(metric.name for metric in shown if metric.per_image)
    return Table(
        "All metrics, all subsets" if comparison.parts else "All metrics",
        ["method", *map(with_arrow, shown)],
        rows,
        [
            "↓ lower is better, ↑ higher is better. Means over the evaluated epochs, then over "
            "seeds; ± deviation over seeds if there are several.",
            *(m.remark for m in shown if m.remark),
            f"{by_image}: the mean over images.",
            *([f"{_OTHERS} {_KID_OF_OTHERS}"] if _FID_OTHER in shown else []),
            _PHOTOS,
            *(m.left_out for m in METRICS if m not in shown and m.left_out),
            *comparison.notes,
        ],
        best=best_cells([(means[m.key], m.lower_is_better) for m in shown]),
    )


def shown_metrics(scores: pd.DataFrame) -> list[Metric]:
    """The metrics that were computed for all subsets together."""
    pooled = scores[scores["subset"] == POOLED]
    return [m for m in METRICS if m.key in pooled and pooled[m.key].notna().any()]


def with_arrow(metric: Metric) -> str:
    return f"{metric.heading} {'↓' if metric.lower_is_better else '↑'}"


def chosen_table(comparison: Comparison) -> Table:
    """FID and KID per ablation and seed at the epoch that the validation pairs chose, then the
    values of the photos in gray, which have no epoch."""
    scores, subsets, choice = comparison.scores, comparison.parts, comparison.choice
    assert choice
    at_chosen = choice.at_epochs(scores)
    window = scores[scores["subset"] == POOLED].groupby(["ablation", "seed"])["fid"].mean()
    rows = []
    for ablation in comparison.ablations:
        own = at_chosen[at_chosen["ablation"] == ablation]
        pooled = own[own["subset"] == POOLED].sort_values("seed")
        epochs, kid = ", ".join(map(str, pooled["epoch"])), _with_interval(_KID, pooled)
        fids = [over_seeds(_FID, values) for values in (pooled["fid"], window[ablation])]
        by_subset = [over_seeds(_FID, own.loc[own["subset"] == s, "fid"]) for s in subsets]
        rows.append([ablation, epochs, *fids, kid, *by_subset])
    for name, real in comparison.references.dropna(subset="fid").groupby("name", sort=False):
        own, *others = (real[real["subset"] == s] for s in (POOLED, *subsets))
        fid, kid = _with_interval(_FID, own), _with_interval(_KID, own)
        rows.append([name, "–", fid, fid, kid, *(_with_interval(_FID, one) for one in others)])
    return Table(
        "Test scores at the epoch chosen on the validation pairs",
        [
            *("method", "epoch", "FID", "FID, all epochs", _KID.heading),
            *(f"FID, {name}" for name in subsets),
        ],
        rows,
        [
            f"Each run's epoch has the lowest {BY_KEY[choice.metric].name} of all {choice.pairs} "
            "together; the test pairs have no part in the choice. ± deviation over seeds.",
            _KID.remark,
            f"{_PHOTOS} It has no epochs.",
        ],
    )


def number(comparison: Comparison, value: float) -> str:
    """A FID with two decimals, or with as many as the smallest mean needs for three digits."""
    return in_unit(_FID, value, comparison.smallest)


def mean_and_deviation(comparison: Comparison, row: pd.Series, subset: str) -> str:
    """`28.43 ± 0.45`: the deviation over seeds; with one seed over epochs; with one epoch none."""
    deviations = [row[f"{subset}_seed_sd"], row[f"{subset}_epoch_sd"]]
    known = [value for value in deviations if not math.isnan(value)]
    return " ± ".join(number(comparison, value) for value in [row[subset], *known[:1]])


def over_seeds(metric: Metric, values: pd.Series) -> str:
    """The mean of a value per seed, ± deviation if there are several."""
    size = values.mean()
    shown = [size, values.std(ddof=1)] if len(values) > 1 else [size]
    return " ± ".join(in_unit(metric, value, size) for value in shown)


def _with_interval(metric: Metric, by_seed: pd.DataFrame) -> str:
    """A metric's mean over rows, one per seed, ± deviation, with its interval if there is one."""
    if metric.key not in by_seed or not len(by_seed):
        return "–"
    text = over_seeds(metric, by_seed[metric.key])
    ends = [f"{metric.key}_low", f"{metric.key}_high"]
    if ends[0] in by_seed and by_seed[ends].notna().all(axis=None):
        size = by_seed[metric.key].mean()
        text += f" [{', '.join(in_unit(metric, by_seed[end].mean(), size) for end in ends)}]"
    return text


def in_unit(metric: Metric, value: float, size: float, sign: str = "") -> str:
    """A value in the table's unit. If the metric has no fixed decimals, it has two, or as many as
    three digits of a `size` down to a millionth need."""
    if math.isnan(value):
        return "–"
    size, decimals = abs(size * metric.scale), metric.decimals
    if decimals is None:
        decimals = max(2, 2 - math.floor(math.log10(size))) if size >= 1e-6 else 2
    return f"{value * metric.scale:{sign}z.{decimals}f}".replace("-", "−")
