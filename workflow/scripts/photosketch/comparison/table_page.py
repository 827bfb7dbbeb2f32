"""Tables as a page of their own, for Snakemake's report: without script, gallery and pictures."""

import html
from collections.abc import Sequence
from pathlib import Path
from string import Template

from photosketch.comparison.tables import Table

_TEMPLATE = Path(__file__).with_suffix(".html")


def table_page(title: str, tables: Sequence[Table], note: str = "") -> str:
    """HTML that needs nothing beside it; `note`: a warning that comes before all tables."""
    warning = f'<p class="warning" role="note">{html.escape(note)}</p>' if note else ""
    return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        warning=warning,
        tables="".join(table.html(sortable=False) for table in tables)
        or "<p>None in this run.</p>",
    )
