"""Read the configuration: from YAML files and --config to one checked dict."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import yaml

from photosketch.configuration import checks, sweeps
from photosketch.configuration.settings import canonical, results_name
from photosketch.jobs.disk import read_text
from photosketch.jobs.messages import InputError
from photosketch.jobs.provenance import PROJECT

MOST_ENTRIES = 100_000  # of a file with its aliases expanded: a few lines can mean millions
# the sections whose entries an overlay can drop by null, an entry in words, and what else to do
DROPPABLE = {
    "ablations": ("an ablation", "write {} to use the settings of train"),
    "sweeps": ("a sweep", "define it"),
}
DEFAULTS = PROJECT / "config" / "config.yaml"
JSON_WORDS = ("null", "true", "false")  # Snakemake takes these for text in --config


def load(
    config: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
    *,
    complete: bool = True,
) -> tuple[dict[str, Any], dict[str, Any], list[sweeps.Sweep]]:
    """The configuration as written, the same with the points of sweeps as ablations, and the
    sweeps. In both the `run` is the name of the folder of results.

    `config` is the merge of `files`, of which the first is config.yaml, and of the values `given`
    by --config. Without `complete`, files that the configuration names may be missing. Raises
    InputError with all mistakes.
    """
    config = with_typed_values(config, given)
    mistakes = unknown_nulls(config, files)
    config = without_dropped(config)
    problems = sweeps.config_problems(config)
    if complete and not problems:
        problems = checks.missing_files(canonical(config))
        problems += checks.blocked_folders(results_name(config))
    if mistakes + problems:
        raise InputError(mistakes + problems)
    written = {**canonical(config), "run": results_name(config)}
    everything, found, _ = sweeps.expanded(written)
    if mistakes := [*checks.idle_train_keys(everything, files[0]["train"])]:
        raise InputError(mistakes)
    return written, everything, found


def read_overlays(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    """`read_overlay` of each file. Raises InputError with the problems of all files."""
    overlays, problems = [], []
    for path in paths:
        try:
            overlays.append(read_overlay(path))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return overlays


def load_overlays(paths: Iterable[str | Path]) -> dict[str, Any]:
    """The configuration of config/config.yaml with overlays, with the points of sweeps as
    ablations. Files that the configuration names may be missing."""
    files = read_overlays([DEFAULTS, *paths])
    _, config, _ = load(functools.reduce(merged, files), files, {}, complete=False)
    return config


def merged(config: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with an overlay merged into it, key by key as in Snakemake."""
    both = {**config, **overlay}
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(config.get(key), Mapping):
            both[key] = merged(config[key], value)
    return both


def read_overlay(path: str | Path) -> dict[str, Any]:
    """The content of a configuration file.

    Raises InputError if the file is missing or has no keys, and with every place whose meaning in
    YAML is a surprise: a repeated key, a number that is not decimal, an anchor that contains its
    own alias, and aliases for too many entries.
    """
    text = read_text(Path(path).absolute(), "No such file or directory; correct the path", "UTF-8")
    try:
        loader = yaml.SafeLoader(text)
        document = loader.get_single_node()
        found = list(islice(_faults_of_text(document), MOST_ENTRIES + 1)) if document else []
        if len(found) > MOST_ENTRIES:
            found = [f"line 1: aliases make more than {MOST_ENTRIES:,} entries; write fewer"]
        if problems := [f"{path}, {fault}" for fault in found if fault]:
            raise InputError(problems)
        keys = loader.construct_document(document) if document else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise InputError([f"{path}: is not YAML ({reason}); correct it there"]) from error
    if not isinstance(keys, dict) or not keys:
        raise InputError([f"{path}: has no keys; write those that differ from config/config.yaml"])
    return keys


def _faults_of_text(
    node: yaml.Node, key: str = "", above: tuple[yaml.Node, ...] = ()
) -> Iterator[str]:
    """The faults of `read_overlay` in the value of a dotted key, each with its line, and an empty
    text for each entry. `above` has the nodes that contain this one."""
    yield ""
    line = f"line {node.start_mark.line + 1}: {key.rstrip('.')}"
    if node in above:
        yield f"{line} contains itself, by an alias of its own anchor; write its value out"
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _faults_of_text(item, f"{key}{index}.", (*above, node))
    elif isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for name, item in node.value:
            own = name.start_mark.line + 1
            if name.value in lines:
                yield (
                    f"line {own}: {key}{name.value} is already in line {lines[name.value]}, "
                    "which would be ignored; join the two"
                )
            lines[name.value] = own
            yield from _faults_of_text(item, f"{key}{name.value}.", (*above, node))
    elif not _is_plain(node):
        yield (
            f"{line}: YAML reads {node.value} as {yaml.safe_load(node.value)}; write the number in "
            "decimal digits, or in quotes if it is a name"
        )


def _is_plain(node: yaml.Node) -> bool:
    """False for a number that YAML 1.1 does not read as people do: 010 is 8 and 1:30 is 90."""
    kind, text = node.tag.rpartition(":")[2], node.value
    if kind == "int":
        return re.fullmatch(r"[-+]?(0|[1-9]\d*)", text) is not None
    return kind != "float" or not re.search("[:_]", text)


def unknown_nulls(config: Mapping[str, Any], files: Iterable[Mapping[str, Any]]) -> list[str]:
    """Ablations and sweeps that are set to null although no file defines them: misspelt names, or
    new entries that were left empty."""
    problems = []
    for section, (one, otherwise) in DROPPABLE.items():
        defined = {
            name for file in files for name, own in _entries(file, section) if own is not None
        }
        problems += [
            f"{section}.{name}: null leaves out {one} of another file, but no file has one called "
            f"{name}; correct the name, or {otherwise}"
            for name, value in _entries(config, section)
            if value is None and name not in defined
        ]
    return problems


def without_dropped(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without the ablations and sweeps that an overlay set to null."""
    remaining = {
        section: {name: value for name, value in _entries(config, section) if value is not None}
        for section in DROPPABLE
        if isinstance(config.get(section), dict)
    }
    return {**config, **remaining}


def _entries(config: Mapping[str, Any], section: str) -> Iterable[tuple[str, Any]]:
    """The entries of a section; none if it is missing or no mapping."""
    entries = config.get(section)
    return entries.items() if isinstance(entries, dict) else ()


def with_typed_values(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the values `given` by --config as YAML reads them.

    Snakemake leaves those within lists and mappings as text: `seeds=[0, 1]` would be refused. At
    the top it reads numbers itself, and text that it leaves there is meant: `run="7"`.
    """
    typed = {
        key: value if isinstance(value, str) and value not in JSON_WORDS else _typed(value)
        for key, value in given.items()
    }
    return merged(config, typed)


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        node, read = yaml.compose(value, Loader=yaml.SafeLoader), yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        return value
    # the schema refuses the text of a number that is not plain
    is_plain = node is None or _is_plain(node)
    return read if is_plain and isinstance(read, int | float | None) else value
