"""Write the configuration's schema (for editors) and the table of keys in config/README.md.

python -m photosketch.configuration.reference, in the repository's folder (`make config-docs`).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from photosketch.configuration import checks, settings

SCHEMA, README = Path("workflow/schemas/config.schema.yaml"), Path("config/README.md")
BEGIN, END = "<!-- written by make config-docs -->\n", "<!-- end -->\n"


def schema_text() -> str:
    """The JSON schema of the configuration as YAML."""

    def without_stale(node: dict[str, Any]) -> dict[str, Any]:
        return {name: item for name, item in node.items() if name != "stale"}

    schema = json.loads(json.dumps(checks.schema(settings.Config)), object_hook=without_stale)
    written = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    heading = "# Written by `make config-docs` from workflow/scripts/photosketch/configuration.\n"
    return heading + yaml.safe_dump(written, sort_keys=False, width=120, allow_unicode=True)


def readme_text(present: str, defaults: Mapping[str, Any]) -> str:
    """The README `present` with a new table of all keys and their `defaults` in config.yaml."""
    rows = ["| key | type | default | meaning | makes stale |", "|---|---|---|---|---|"]
    for key, node, stale, default in _leaves(checks.schema(settings.Config), defaults):
        shown = f"`{json.dumps(default).strip(chr(34))}`"
        if key == "ablations":
            shown = "the report's four"
        kind = checks.allowed(node).replace(", at most 1e+15", "").replace(", not empty", "")
        rows.append(f"| `{key}` | {kind} | {shown} | {node['description']} | {stale} |")
    before, rest = present.split(BEGIN)
    after = rest.split(END, 1)[1]
    return before + BEGIN + "\n".join(rows) + "\n" + END + after


def _leaves(
    node: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = "", stale: str = ""
) -> Iterator[tuple[str, dict[str, Any], str, Any]]:
    """Every dotted key with its node, the rules that it makes stale, and its default."""
    for name, inner in node["properties"].items():
        own = inner.get("stale", stale)
        if "properties" in inner:
            yield from _leaves(inner, defaults[name], f"{prefix}{name}.", own)
        else:
            yield prefix + name, inner, own, defaults[name]


if __name__ == "__main__":
    defaults = yaml.safe_load(Path("config/config.yaml").read_text(encoding="utf-8"))
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    README.write_text(readme_text(README.read_text(encoding="utf-8"), defaults), encoding="utf-8")
