"""The configuration as it is read: from YAML files and --config to one checked dict."""

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from photosketch.configuration import checks, sweeps
from photosketch.configuration.settings import canonical, results_name
from photosketch.jobs.job import InputError
from photosketch.jobs.provenance import PROJECT

# the sections of what an overlay can leave out by null, and what one of them is
NAMED = {"ablations": "an ablation", "sweeps": "a sweep"}
DEFAULTS = PROJECT / "config" / "config.yaml"
JSON_WORDS = ("null", "true", "false")  # which Snakemake takes for text behind --config


def load(
    config: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    given: Mapping[str, Any],
    *,
    complete: bool = True,
) -> tuple[dict[str, Any], dict[str, Any], list[sweeps.Sweep]]:
    """The configuration as written, the same with the points of sweeps as ablations, and these.
    Both have the name of the folder of results as `run`.

    `config`: `files` merged, then what --config has `given`. Unless `complete`, files that it names
    may be missing. Raises InputError with all mistakes.
    """
    config = with_typed_values(config, given)
    mistakes = unknown_nulls(config, files)
    config = without_dropped(config)
    problems = sweeps.config_problems(config)
    if complete and not problems:
        problems = [
            *checks.missing_files(canonical(config)),
            *checks.blocked_folders(results_name(config)),
        ]
    if mistakes + problems:
        raise InputError(mistakes + problems)
    written = {**canonical(config), "run": results_name(config)}
    return written, *sweeps.expanded(written)


def load_overlays(paths: Iterable[str | os.PathLike[str]]) -> dict[str, Any]:
    """What `load` makes of config/config.yaml with overlays, with the points of sweeps as
    ablations. Files that it names may be missing."""
    paths = [DEFAULTS, *paths]
    files = [read_overlay(path) for path in paths]
    if repeated := [key for path in paths for key in repeated_keys(Path(path))]:
        raise InputError(repeated)
    _, config, _ = load(functools.reduce(merged, files), files, {}, complete=False)
    return config


def merged(config: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the keys of an overlay, mapping by mapping, as Snakemake merges."""
    both = {**config, **overlay}
    for key, value in overlay.items():
        if isinstance(value, Mapping) and isinstance(config.get(key), Mapping):
            both[key] = merged(config[key], value)
    return both


def read_overlay(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The keys of a configuration file. Raises InputError if it is not there, or has none."""
    import yaml

    try:
        keys = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        place = os.path.abspath(path)
        raise InputError([f"{place}: {error.strerror}; correct the path"]) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError([f"{path}: is not YAML ({reason}); correct it there"]) from error
    if not isinstance(keys, dict) or not keys:
        raise InputError([f"{path}: holds no keys; write what differs from config/config.yaml"])
    return keys


def repeated_keys(path: Path) -> list[str]:
    """The keys that stand twice in one mapping of a YAML file, of which only the last would count,
    each with its line. The file has been read before."""
    import yaml

    def walk(node: yaml.Node, key: str) -> Iterator[str]:
        if isinstance(node, yaml.SequenceNode):
            for index, entry in enumerate(node.value):
                yield from walk(entry, f"{key}{index}.")
        if not isinstance(node, yaml.MappingNode):
            return
        lines: dict[str, int] = {}
        for name, entry in node.value:
            line = name.start_mark.line + 1
            if name.value in lines:
                yield (
                    f"{path}, line {line}: {key}{name.value} is there already, in line "
                    f"{lines[name.value]}, and would be lost; write both as one"
                )
            lines[name.value] = line
            yield from walk(entry, f"{key}{name.value}.")

    document = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return list(walk(document, "")) if document else []


def unknown_nulls(config: Mapping[str, Any], files: Iterable[Mapping[str, Any]]) -> list[str]:
    """Ablations and sweeps that are set to null, though no file defines one of that name: typing
    errors, or new ones that were left empty."""
    otherwise = {"ablations": "write {} for one with the settings of train", "sweeps": "define it"}
    defined = {
        (section, name)
        for file in files
        for section in NAMED
        if isinstance(file.get(section), dict)
        for name, value in file[section].items()
        if value is not None
    }
    return [
        f"{section}.{name}: null leaves out {one} that is defined elsewhere, and none is "
        f"called {name}; correct the name, or {otherwise[section]}"
        for section, one in NAMED.items()
        if isinstance(config.get(section), dict)
        for name, value in config[section].items()
        if value is None and (section, name) not in defined
    ]


def without_dropped(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config without the ablations and sweeps that an overlay set to null."""
    remaining = {
        section: {name: value for name, value in config[section].items() if value is not None}
        for section in NAMED
        if isinstance(config.get(section), dict)
    }
    return {**config, **remaining}


def with_typed_values(config: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with the values `given` by --config as YAML reads them.

    Snakemake leaves those within lists and mappings as text: `seeds=[0, 1]` would be refused. At
    the top it reads numbers itself, and text that it leaves there is meant: `run="7"`.
    """
    typed = {
        key: value
        if isinstance(value, str) and value not in JSON_WORDS
        else _merged(config[key], value)
        for key, value in given.items()
        if key in config
    }
    return {**config, **typed}


def _merged(present: Any, given: Any) -> Any:
    """A value given, typed; of a mapping that is there, with what is given of it."""
    if isinstance(present, Mapping) and isinstance(given, Mapping):
        own = {key: _merged(present[key], value) for key, value in given.items() if key in present}
        return {**present, **own}
    return _typed(given)


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if not isinstance(value, str):
        return value
    import yaml

    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        return value
    return read if read is None or isinstance(read, int | float) else value
