"""Sweeps: one hyper-parameter of an ablation over several values, each an ablation of its own.

A value that gives the hyper-parameters of an ablation, or of an earlier value, uses that ablation.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

from photosketch.configuration import checks, settings


@dataclasses.dataclass(frozen=True)
class Point:
    """A value of a sweep, the point's name, and its ablation, which usually has this name."""

    value: int | float | str | bool
    name: str
    ablation: str


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The hyper-parameter `key` (dotted: losses.local) of `ablation` over the values of `points`.
    With `show`, grids and gallery have the points too."""

    name: str
    ablation: str
    key: str
    points: tuple[Point, ...]
    show: bool = False

    @classmethod
    def from_hparams(cls, hparams: Mapping[str, Any]) -> Self:
        """The inverse of `hparams`."""
        return cls(**{**hparams, "points": tuple(Point(**point) for point in hparams["points"])})

    def hparams(self) -> dict[str, Any]:
        """A canonical dict of builtins."""
        return {**dataclasses.asdict(self), "points": [vars(point).copy() for point in self.points]}


def shown(ablations: Iterable[str], points: Sequence[str], sweeps: Iterable[Sweep]) -> list[str]:
    """The ablations for grids and gallery: all but `points`, except those of sweeps with `show`."""
    wanted = {point.ablation for sweep in sweeps if sweep.show for point in sweep.points}
    return [name for name in ablations if name not in points or name in wanted]


def config_problems(config: Mapping[str, Any]) -> list[str]:
    """Every mistake in `config` (`checks.config_problems`) and in its sweeps."""
    mistakes = checks.config_problems(config) + list(_sweep_problems(config))
    if mistakes:
        return list(dict.fromkeys(mistakes))
    everything, sweeps, mistakes = expanded(settings.canonical(config))
    return mistakes or (checks.config_problems(everything) if sweeps else [])


def _sweep_problems(config: Mapping[str, Any]) -> Iterator[str]:
    """The mistakes in the ablation, key and values of each sweep that has the right form."""
    sweeps, ablations = config.get("sweeps"), config.get("ablations")
    if not isinstance(sweeps, Mapping) or not isinstance(ablations, Mapping):
        return
    keys = settings.HYPER_PARAMETERS
    for name, sweep in sweeps.items():
        if not isinstance(sweep, Mapping):
            continue
        ablation, key, values = (sweep.get(part) for part in ("ablation", "key", "values"))
        if isinstance(ablation, str) and ablation not in ablations:
            yield (
                f"sweeps.{name}.ablation: {ablation!r} is not an ablation; "
                f"choose one of {', '.join(map(str, ablations))}"
            )
        if isinstance(key, str) and key not in keys:
            of_run = key in settings.RunSettings.model_fields
            what = "a setting of the whole run" if of_run else "not a hyper-parameter"
            yield f"sweeps.{name}.key: {key!r} is {what}; choose one of {', '.join(keys)}"
        elif isinstance(key, str) and isinstance(values, list):
            for index, value in enumerate(values):
                place = f"sweeps.{name}.values.{index} ({_point_name(str(ablation), key, value)})"
                point = _with_value({}, key, value)
                yield from checks.refusals(settings.Overrides, point, place)


def expanded(config: Mapping[str, Any]) -> tuple[dict[str, Any], list[Sweep], list[str]]:
    """A canonical `config` with the points of its sweeps after its ablations, the sweeps, and the
    mistakes in the points' names and values."""
    ablations = dict(config["ablations"])
    sweeps: list[Sweep] = []
    mistakes: list[str] = []
    hparams = {name: settings.ablation_config(config, name).hparams() for name in ablations}
    for name, sweep in config["sweeps"].items():
        base, key = sweep["ablation"], sweep["key"]
        points: dict[str, Point] = {}  # by ablation
        for value in sweep["values"]:
            own = _point_name(base, key, value)
            overrides = _with_value(config["ablations"][base], key, value)
            only = {**config, "ablations": {own: overrides}}
            wanted = settings.ablation_config(only, own).hparams()
            same = next((known for known, values in hparams.items() if values == wanted), None)
            found = same or own
            if same in points:
                mistakes.append(
                    f"sweeps.{name}.values: {points[found].value!r} and {value!r} are the same "
                    f"ablation, {found}: {key} has no effect in this ablation; sweep another key"
                )
            elif not same and own in ablations:
                mistakes.append(
                    f"sweeps.{name}.values: {own} is the name of the point {value!r}, but another "
                    "ablation has this name; rename the ablation, or change the value"
                )
            elif not same:
                ablations[own], hparams[own] = overrides, wanted
            # 5 for 5.0, so that the way of writing a number makes no difference
            plain = int(value) if isinstance(value, float) and value.is_integer() else value
            points.setdefault(found, Point(plain, own, found))
        sweeps.append(Sweep(name, base, key, tuple(points.values()), sweep.get("show", False)))
    return {**config, "ablations": ablations}, sweeps, mistakes


def _with_value(overrides: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The overrides of an ablation with the dotted `key` set."""
    first, _, rest = key.partition(".")
    inner = _with_value(overrides.get(first, {}), rest, value) if rest else value
    return {**overrides, first: inner}


def _point_name(ablation: str, key: str, value: Any) -> str:
    """`local-local5`, `baseline-lr0p0002`, `local-warpface`, `local-fliptrue`."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, float):
        text = f"{value:.15g}".replace(".", "p").replace("+", "")
    return f"{ablation}-{key.rpartition('.')[2]}{text}"
