"""The configuration: every key once, with its type, its bounds and its meaning.

Defaults stand in config/config.yaml alone; the schema and the table of config/README.md are written
from these models (`make config-docs`). Free of torch and numpy, because the Snakefile imports it.

What a stage is keyed by (`hp`) is complete: no default of the code fills in a value. Left out are
only values without effect (`NO_EFFECT_WITHOUT`) and the value that a later hyper-parameter has in
all runs from before it (`VALUE_BEFORE`).
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    create_model,
)

from photosketch.jobs.job import InputError, file_sha256

FusionName = Literal["apdrawing", "feather", "attention", "blend"]
GladForm = Literal["magnitude", "squared", "cosine"]
DecoderName = Literal["transposed", "resize"]
Precision = Literal["fp32", "bf16"]
WarpMode = Literal["none", "face", "region"]
Background = Literal["white", "keep"]  # of photos that are drawn
ScoredAs = Literal[
    "as_drawn", "report2019", "genre2021", "genre2021_saved", "hida2023_saved", "resized256"
]
FRAMES = (256, 512)  # pixels, the sides that the square frame of the networks may have
LARGEST = 10**15  # of any number in the configuration
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A name that ends in 20 repetitions: Snakemake takes the value of a wildcard for an endless loop.
PERIODIC = re.compile(r"(.+?)\1{19}$")
# (width, height) of CUFS's images, the place of whose faces is `similarity.template`, and the
# smallest face that MTCNN looks for in these images
USUAL_SIZE, USUAL_MIN_FACE_SIZE = (200, 250), 40
# VGG16 as torchvision publishes it (the name holds the first digits of its sha256), and the weights
# of LPIPS on it, of piq's release v0.4.0
LPIPS_FILES = ("vgg16-397923af.pth", "lpips_weights.pt")
# hyper-parameter: the loss without which it has no effect and is left out of `hp`, and the value
# that is put back on reading
NO_EFFECT_WITHOUT = {"glad_form": ("glad", "magnitude"), "fusion": ("local", "apdrawing")}
# hyper-parameter that was added later: what all runs did before. This value is left out of `hp` and
# put back on reading, so that existing trainings stay up to date and existing generators readable
VALUE_BEFORE = {"decoder": "transposed"}


def _one_line(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("has a line break or control character; remove it")
    return text


def _unique(values: list[Any]) -> list[Any]:
    if any(value in values[:index] for index, value in enumerate(values)):
        raise ValueError("repeats a value; allowed: values without repetition")
    return values


def _sorted(values: dict[str, float]) -> dict[str, float]:
    return dict(sorted(values.items()))


def _whole(value: Any) -> Any:
    # a literal 1 is equal to 1.0 and true, which no other whole number may be
    return value if type(value) is int else str(value)


def setting(meaning: str, stale: str | None = None, **bounds: Any) -> Any:
    """A key of the configuration: its meaning, what the next run does again after a change (else
    that of its section), and its bounds."""
    extra: Any = {"stale": stale} if stale else None
    return Field(description=meaning, json_schema_extra=extra, **bounds)


def _parser_name(value: Any) -> Any:
    return "segmentation" if value == "grabcut" else value


Float = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[int, Field(ge=1, le=LARGEST)]
Natural = Annotated[int, Field(ge=0, le=LARGEST)]
Weight = Annotated[Float, Field(ge=0, le=LARGEST)]
Text = Annotated[str, Field(min_length=1), AfterValidator(_one_line)]
NAME, SHA256 = "^[A-Za-z0-9][A-Za-z0-9_-]*$", "^[0-9a-f]{64}$"
Name = Annotated[str, Field(pattern=NAME, max_length=64)]
Sha256 = Annotated[str, Field(pattern=SHA256)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Channels = Annotated[int, Field(ge=1, le=512)]
Frame = Annotated[Literal[256, 512], BeforeValidator(_whole)]


class Section(BaseModel):
    # building a model takes a hundredth of a second: most are needed as part of another one alone
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class Dataset(Section):
    """The pairs and their place in the frame of the networks."""

    pairs: Text = setting(
        "table of the pairs (TSV: subset, id, split, photo, sketch); paths are relative to the "
        "table's folder, or absolute",
        "index_pairs",
    )
    size: list[Annotated[int, Field(ge=64, le=512)]] = setting(
        "width and height in pixels of every photo and sketch, at most `dataset.frame`; with "
        "`dataset.align` the size that images are brought to",
        "index_pairs; with `dataset.align` align_faces",
        min_length=2,
        max_length=2,
    )
    align: Literal["none", "each", "photo"] = setting(
        "`none`: every image is aligned and has `dataset.size`; `each`, `photo`: images of any "
        "size are brought there, photo and sketch each by its own points, or both by the photo's "
        "([docs/alignment.md](../docs/alignment.md))",
        "align_faces; between none and the others index_pairs",
    )
    frame: Frame = setting(
        "side in pixels of the square that the networks work on, the image in its centre. 512 "
        "needs another `train.jitter` (0, or 572) and [four times the "
        "work](../docs/how-it-works.md#frames-of-512)",
        "pack_tensors, train, infer, evaluate, the montages of points",
    )
    pad_value: int = setting(
        "gray level around the image in the frame", "pack_tensors", ge=0, le=255
    )
    validation: Float = setting(
        "share of each subset's training pairs (at least two, always the same ones) that is kept "
        "apart to choose the epoch (`evaluation.chosen_by`) that is reported beside the mean over "
        "the evaluated epochs; 0: none, or mark pairs `val` in the table yourself",
        "index_pairs",
        ge=0,
        le=0.5,
    )
    sketch_channels: Annotated[Literal[1, 3], BeforeValidator(_whole)] = setting(
        "channels of the sketches that the networks learn; sketches are scored in gray either way",
        "pack_tensors",
    )


class Facepp(Section):
    """Face++, asked for the faces that MTCNN missed."""

    enabled: bool = setting(
        "true sends the images in which MTCNN found no face, and that nobody placed by hand, to "
        "Face++; sketches only if something needs their points (a warp, `dataset.align: each`, "
        "`evaluation.identity`). Key and secret are read from the environment variables "
        "`FACEPP_API_KEY` and `FACEPP_API_SECRET` and written nowhere",
        "facepp_landmarks, merge_landmarks",
    )
    endpoint: Text = setting(
        "https address of the Detect API v3; answers are kept, and are not asked for again "
        "elsewhere",
        "nothing",
    )
    timeout: Float = setting(
        "seconds without an answer after which the request is repeated",
        "nothing",
        gt=0,
        le=LARGEST,
    )


class Landmarks(Section):
    """Five points of every face."""

    manual: Text | None = setting(
        "points placed by hand (CSV), which win over detections: subset, id, modality (photo or "
        "sketch), left_eye_x, left_eye_y, right_eye_x, ..., mouth_right_y; left is the viewer's "
        "left",
        "merge_landmarks",
    )
    min_face_size: int = setting(
        "smallest face in pixels that MTCNN looks for, in a copy of at most 1,600 pixels a side "
        "if an image is larger; for images twice as large 80 finds as well as 40, in a quarter of "
        "the time. The warp looks at its sketches again, with this value; with `dataset.align` "
        "with 40 of 200x250 pixels, scaled to `dataset.size`",
        "detect_landmarks; without `dataset.align` warp_sketches",
        ge=10,
        le=512,
    )
    annotate: list[
        Annotated[str, Field(pattern="^[^/]+/[^/]+/[^/]+$"), AfterValidator(_one_line)]
    ] = setting(
        "images that the target `annotate` shows besides those without points: "
        "SUBSET/ID/MODALITY, `*` for any text",
        "annotate",
    )
    mesh: bool = setting(
        "true: an image in which MTCNN finds no face gets the points of MediaPipe's face mesh, "
        "looked for where the other faces of its subset are, unless points of Face++ or placed by "
        "hand are there. `merge_landmarks` names such images, and the target `annotate` shows "
        "them. Has no effect with `dataset.align`",
        "detect_landmarks",
    )
    facepp: Facepp


class Parsing(Section):
    """Label maps of every face."""

    model_config = ConfigDict(json_schema_extra={"stale": "parse_faces, warp_sketches"})

    backend: Annotated[Literal["segmentation", "onnx"], BeforeValidator(_parser_name)] = setting(
        "how label maps are made: `segmentation` from the image and the five points, the head by a "
        "small network (the former name `grabcut` means the same); `onnx` by a "
        "learned network (BiSeNet, trained on photos of CelebAMask-HQ), which OpenCV runs: on a "
        "GPU if it was built with CUDA (its packages on PyPI are not), else on the CPU",
    )
    model: Literal["resnet18", "resnet34"] = setting(
        "the learned network, by its backbone; has an effect with `onnx` only, as the next three",
    )
    weights: Text | None = setting(
        "the network's ONNX file (input 512x512 RGB, first output the logits of 19 classes); null "
        "downloads the published one to `resources/weights/`",
    )
    weights_sha256: Sha256 | None = setting(
        "expected hash of the ONNX file; null: that of the published one",
    )
    fallback: bool = setting(
        "true: `segmentation` parses an image in which the network finds no face, and the log, the "
        "console and the montage name it. false: such photos stop the run, named all at once, "
        "unless their labels are drawn by hand; such sketches have no labels, which stops only a "
        "warp",
    )
    manual: Text | None = setting(
        "folder of label maps drawn by hand, or by other tools, which win over the parser's: see "
        "below. No face is parsed again for these maps",
        "merge_parsings",
    )


class LossWeights(Section):
    """Weights of the loss terms beside the adversarial one; 0 switches a term off."""

    model_config = ConfigDict(json_schema_extra={"stale": "train"})

    l1: Weight = setting("weight of the L1 distance on [-1, 1]; 0 switches it off")
    glad: Weight = setting(
        "weight of the generalised gradient loss (the report gives no formula; its scale: "
        "[docs/how-it-works.md](../docs/how-it-works.md))",
    )
    local: Weight = setting(
        "weight of APDrawingGAN's local loss; above 0 the local networks are built", "train"
    )


class HyperParameters(Section):
    """What an ablation may set."""

    model_config = ConfigDict(json_schema_extra={"stale": "train"})

    epochs: Positive = setting(
        "passes over the training pairs; if raised, a run with constant learning rate goes on "
        "from its last state",
    )
    batch_size: Positive = setting("pairs in a step")
    lr: Float = setting(
        "learning rate of Adam, generator and discriminators. YAML reads `2e-4` as text: write "
        "`2.0e-4` or `0.0002`",
        gt=0,
        le=1,
    )
    beta1: Float = setting("first momentum of Adam", ge=0, lt=1)
    lr_decay_epochs: Natural = setting(
        "last epochs over which the learning rate falls linearly to 0; 0: constant", "train"
    )
    ngf: Channels = setting("channels of the generator's first layer")
    ndf: Channels = setting("channels of the discriminator's first layer")
    jitter: int = setting(
        "side in pixels that images are padded to before a random crop of a frame: more than the "
        "frame, at most twice the frame; 0: no crop. Frames of 512 need another value: 572 is the "
        "same share",
        ge=0,
        le=2 * FRAMES[-1],
    )
    glad_form: GladForm = setting(
        "gradient loss: mean of the absolute or of the squared difference of the gradient "
        "magnitudes of drawn and true sketch; `cosine`: how far the gradient directions of drawn "
        "sketch and photo differ, as in GENRE. Has an effect only if its weight is above 0",
    )
    precision: Precision = setting(
        "`bf16`: forward and backward passes in 16 bits (weights, losses and Adam stay in 32): "
        "faster on GPUs and on CPUs with AMX or AVX512-BF16, slower on other CPUs. Results differ "
        "in the last digits, so use one precision for all that you compare. On a GPU fp32 "
        "convolutions round to TensorFloat-32, torch's default",
    )
    warp: WarpMode = setting(
        "the sketches trained on are brought onto their photos by a map estimated from both "
        "parsings: `face` moves the whole head, `region` eyes with brows, nose and mouth; scores "
        "always compare with the original sketches",
        "that ablation's train; warp_sketches and pack_warped_tensors if no other ablation uses it",
    )
    fusion: FusionName = setting(
        "how the sketches of the local networks and of the whole frame become one: `apdrawing` is "
        "APDrawingGAN's, the other three are ours "
        "([docs/how-it-works.md](../docs/how-it-works.md)); has an effect only if `losses.local` "
        "is above 0",
    )
    decoder: DecoderName = setting(
        "how the U-Nets double the resolution: `transposed` convolutions as in pix2pix; `resize`: "
        "each pixel is repeated, then a 3x3 convolution, which leaves no checkerboard "
        "([docs/how-it-works.md](../docs/how-it-works.md#the-decoder))",
    )
    flip: bool = setting(
        "half of the pairs trained on, at random, are mirrored: photo, sketch, labels and points",
    )
    losses: LossWeights


class RunSettings(Section):
    """The keys of `train` that change no result: settings of the whole run, not of an ablation."""

    strip_every: Natural = setting(
        "epochs between two PNG strips of training samples (photo, true sketch, drawn sketch) in "
        "`train/{ablation}/seed{seed}/strips/` and in TensorBoard; 0: none. A setting of the "
        "whole run, which no ablation may override",
        "nothing",
    )
    state_minutes: Weight = setting(
        "longest time in minutes between two saved states for resuming; a setting of the whole run",
        "nothing",
    )
    keep: Literal["all", "last"] = setting(
        "states for resuming that stay of each training: the newest two, so that a damaged "
        "one has a predecessor, or the newest alone. A state takes three times "
        "the weights (0.7 GB for `baseline`, 1 GB for the local networks). A setting of the whole "
        "run",
        "nothing",
    )
    keep_replaced: Natural = setting(
        "trainings of earlier values that stay of each ablation and seed, with states and "
        "generators, so that a value set back trains nothing; those by other code and unfinished "
        "ones go first, and `make clean-replaced` removes all. At width 64 a training with 31 "
        "generators takes 7 to 8 GB. A setting of the whole run",
        "nothing",
    )

    @classmethod
    def from_config(cls, train: Mapping[str, Any]) -> Self:
        """From a checked `train` section."""
        return cls(**{name: train[name] for name in cls.model_fields})

    @property
    def states(self) -> int:
        """How many states stay: the newest two, because one may be damaged, or the last."""
        return 2 if self.keep == "all" else 1


class Train(RunSettings, HyperParameters):
    """Hyper-parameters shared by all ablations, and settings of the run."""


class TrainConfig(HyperParameters):
    """The hyper-parameters of one ablation, and the run's frame."""

    frame: Frame

    @property
    def networks(self) -> list[Any]:
        """What the first weights depend on beside the seed, but for the fusion's own."""
        return [self.ngf, self.ndf, self.decoder, self.losses.local > 0]

    @classmethod
    def from_hparams(cls, hparams: Mapping[str, Any]) -> Self:
        """The inverse of `hparams`. Raises InputError if a value is missing or not allowed."""
        values, weights = {**VALUE_BEFORE, **hparams}, hparams.get("losses", {})
        for name, (loss, value) in NO_EFFECT_WITHOUT.items():
            if not weights.get(loss):
                values.setdefault(name, value)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, one["loc"])) for one in error.errors())
            raise InputError(
                [f"hyper-parameters that this version doesn't read ({wrong}); train it again"]
            ) from error

    def hparams(self) -> dict[str, Any]:
        """One dict of builtins, in fixed order, complete but for what the two rules leave out."""
        values = self.model_dump()
        idle = {name for name, (loss, _) in NO_EFFECT_WITHOUT.items() if not values["losses"][loss]}
        idle |= {name for name, before in VALUE_BEFORE.items() if values[name] == before}
        return {name: value for name, value in values.items() if name not in idle}


def _partial(model: type[BaseModel]) -> type[Section]:
    """The model with every key optional, but not null, and without defaults: keys that are not set
    are not in its dump."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind: Any = field.rebuild_annotation()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = _partial(kind)
        fields[name] = (kind, Field(None, description=field.description))
    return create_model(f"{model.__name__}Overrides", __base__=Section, **fields)


Overrides = _partial(HyperParameters)


class SweepSection(Section):
    """One hyper-parameter of an ablation over several values."""

    ablation: str = setting("the ablation that the points differ from by one value")
    key: str = setting("the hyper-parameter that varies, such as jitter or losses.local")
    values: Annotated[list[Any], AfterValidator(_unique)] = setting(
        "the values, each an ablation of its own unless another has the same hyper-parameters",
        min_length=1,
    )
    show: bool = Field(False, description="whether grids and gallery have the points too")


class PublishedValues(Section):
    """Published values of FID."""

    source: Text = setting("where the values are published")
    features: Text = setting("the network of their features, as tables name it")
    fid: Annotated[dict[str, Weight], AfterValidator(lambda fid: dict(sorted(fid.items())))] = (
        setting("FID by subset, `all` for the pooled test set", min_length=1)
    )


class Inference(Section):
    """How trained generators draw."""

    statistics: Literal["instance", "running"] = setting(
        "`instance`: BatchNorm uses the statistics of the single image and dropout stays on, as "
        "pix2pix tests; `running`: `eval()`",
        "infer",
    )


class Epochs(Section):
    """The evaluated epochs, the same for all ablations."""

    model_config = ConfigDict(json_schema_extra={"stale": "train"})

    start: Positive = setting(
        "first evaluated epoch. An epoch added before the last one trained means training afresh, "
        "one after it goes on from the last state",
    )
    stop: Positive = setting("last evaluated epoch, included; at most `train.epochs`")
    step: Positive = setting("epochs from one evaluated epoch to the next")


Share = Annotated[Float, Field(ge=0, le=1)]


class OnnxInput(Section):
    """What your own ONNX network takes: RGB images of size x size pixels; from each channel
    in 0..1 its `mean` is subtracted, and the difference is divided by its `std`."""

    size: int = setting("side in pixels of its square input", ge=16, le=2048)
    mean: list[Share] = setting("mean of red, green and blue in 0..1", min_length=3, max_length=3)
    std: list[Annotated[Share, Field(gt=0)]] = setting(
        "standard deviation of red, green and blue in 0..1", min_length=3, max_length=3
    )


class OnnxFeatures(OnnxInput):
    onnx: Text = setting("path of your own ONNX network")


FeatureName = Literal["inception-tf", "inception-imagenet", "efficientnet-lite0"]
TAGS = ("<name>", "<file>")  # of the two kinds of `evaluation.features`, in pydantic's locations
Features = Annotated[
    Annotated[FeatureName, Tag(TAGS[0])] | Annotated[OnnxFeatures, Tag(TAGS[1])],
    Discriminator(lambda value: TAGS[isinstance(value, Mapping | OnnxFeatures)]),
]


class Evaluation(Section):
    """Which epochs are scored, and how."""

    model_config = ConfigDict(json_schema_extra={"stale": "extract_real_features, evaluate"})

    epochs: Epochs
    features: Features = setting(
        "network of FID and KID: pytorch-fid's (published values use it), torchvision's (the "
        "report's), a small one that comes with the environment (no download; the demo's), or one "
        "of your own: an ONNX file, the side in pixels of its square input, and mean and standard "
        "deviation of red, green and blue in 0..1 that it was trained with "
        "([docs/features.md](../docs/features.md))",
    )
    weights: Text | None = setting(
        "the network's weights file; null: the published one, downloaded to `resources/weights/`, "
        "or `efficientnet-lite0`'s from its package. Not with an ONNX file",
    )
    weights_sha256: Sha256 | None = setting(
        "expected hash of the weights file; null: that of the published one",
    )
    lpips: Text | None = setting(
        "folder with `vgg16-397923af.pth` (torchvision's VGG16) and `lpips_weights.pt` (piq's "
        "release v0.4.0); null leaves LPIPS out",
    )
    lpips_sha256: Sha256 | None = setting(
        "expected hash of the VGG16 in that folder; null: that of torchvision's. No hash of "
        "`lpips_weights.pt` is published: its shapes are checked, and other content makes the "
        "scores stale",
    )
    identity: bool = setting(
        "true: dlib's face recognition network, on the CPU, looks the test people's photos up by "
        "each drawn sketch: rank 1 and AUC, and the same for the true sketches. Needs `make setup "
        "IDENTITY=1` (105 MB); a tenth of a second per image",
    )
    primary: Literal[
        "fid", "kid", "ssim", "fsim", "scoot", "lpips", "seam", "structure", "memory"
    ] = setting(
        "the primary metric: the intervals of its difference to `reference`, over all subsets, "
        "hold for all ablations at once; all other differences are descriptive "
        "([docs/significance.md](../docs/significance.md)). Decide before you look",
        "estimate_differences",
    )
    contrasts: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] = setting(
        "pairs of ablations or methods, [first, second], whose difference is estimated beside the "
        "differences to `reference`. A pair of ablations has a part in the primary lines and makes "
        "all primary intervals wider: decide before you look",
        "estimate_differences",
    )
    votes: Annotated[list[Text], AfterValidator(_unique)] = setting(
        "CSV files of blind votes, one per voter, saved by the page that the target `votes` makes "
        "([docs/votes.md](../docs/votes.md))",
        "compare",
    )
    chosen_by: Literal["fid", "kid"] = setting(
        "with validation pairs: the distance whose lowest value on these pairs chooses each run's "
        "epoch; FID is biased at small n, KID is not",
        "compare, if there are validation pairs",
    )
    scored_as: ScoredAs = setting(
        "what is done to drawn and true sketches before they are scored, as published code does "
        "it: stretched levels, JPEG, colour, part and size of the image "
        "([docs/protocols.md](../docs/protocols.md#how-sketches-are-scored) compares them). "
        "Samples stay as drawn, and tables and figures name the preset",
    )


class Voting(Section):
    """What the page of blind votes shows."""

    model_config = ConfigDict(json_schema_extra={"stale": "votes"})

    faces: Positive = setting("test people whose sketches are shown; all if there are fewer")
    seed: Natural = setting("decides who is shown, in what order, and on which side")


class ComparisonSettings(Section):
    """What the comparison shows."""

    people: Annotated[list[Text], AfterValidator(_unique)] = setting(
        "the test people of the grids, as SUBSET/ID; of a subset without any, six are taken that "
        "lie evenly in the table of the pairs",
        "compare",
    )
    voting: Voting


class Draw(Section):
    """What the target `draw` draws, and with which generator."""

    photos: Text = setting("folder of the photos")
    ablation: Name = setting("the ablation whose generator draws")
    seed: Seed = setting("the seed of that generator")
    epoch: Positive = setting("the evaluated epoch of that generator")
    points: Text | None = Field(
        None, description="points placed by hand on photos in which no face is found (CSV)"
    )
    background: Background = Field(
        "white", description="`white`: all but the person is made white; `keep`: nothing is"
    )


class Config(Section):
    """Configuration of the photo -> sketch ablations."""

    run: Name = setting("results go to `results/{run}/`", "nothing: another run is another folder")
    trial: Name | None = setting(
        "results go to `results/{run}-{trial}/` instead, so that a trial of a run "
        "(`config/tiny.yaml`) keeps the run's results",
        "nothing: another trial is another folder",
    )
    dataset: Dataset
    landmarks: Landmarks
    parsing: Parsing
    train: Train
    seeds: Annotated[list[Seed], AfterValidator(_unique)] = setting(
        "each ablation is trained once with each seed",
        "the new seeds' train, and compare",
        min_length=1,
    )
    device: Literal["auto", "cpu", "cuda"] = setting(
        "where detection, training, drawing and scoring run. `auto`: on a GPU, or on the CPU of a "
        "machine without one; if there is a card but no way to use it (an old driver, a scheduler "
        "that gave none), the job ends and says what to do. `cpu`: on the CPU; `cuda`: the job "
        "ends if there is no GPU. A job whose resource `gpu` is 0 runs on the CPU",
        "nothing",
    )
    gpu_slots: Positive = setting(
        "jobs that share one GPU; the others wait and say so. How many run at once is the "
        "resource `gpu` in `profiles/default`: set it to the number of GPUs times `gpu_slots`. "
        "Without NVIDIA's MPS jobs on one GPU take turns and gain little: "
        "[docs/gpu.md](../docs/gpu.md)",
        "nothing",
    )
    ablations: dict[Name, Overrides] = setting(  # type: ignore[valid-type]
        "overrides of `train` by name: see below", "that ablation's train", min_length=1
    )
    sweeps: dict[Name, SweepSection] = setting(
        "one hyper-parameter of an ablation over several values, by name: see below",
        "the new points' train, and what follows",
    )
    reference: Name = setting(
        "the ablation that the other ablations are compared with: differences, intervals and "
        "verdicts. More ablations make the primary intervals wider",
        "estimate_differences",
    )
    methods: dict[Name, Text] = setting(
        "folders of other people's sketches of the test photos, by name, which are scored beside "
        "the ablations: see below",
        "collect_sketches",
    )
    published: dict[Name, PublishedValues] = setting(
        "published values of FID, by name, as rows and lines beside the run's own: see below",
        "compare",
    )
    inference: Inference
    evaluation: Evaluation
    comparison: ComparisonSettings
    draw: Draw | None = setting(
        "the target `draw` draws the faces of the photos in a folder with a generator of the run: "
        "{photos: FOLDER, ablation, seed, epoch}, `background` (`white`, the default, or `keep`) "
        "and `points` (CSV) for photos in which no face "
        "is found ([docs/own-photos.md](../docs/own-photos.md))",
        "draw",
    )


def canonical(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration in one order and with one type for each value (100.0 for 100 as a weight),
    so that how it is written makes no difference. Raises pydantic's ValidationError."""
    return Config.model_validate(config).model_dump(exclude_unset=True)


def results_name(config: Mapping[str, Any]) -> str:
    """The name of a run's folder below `results`: with that of its trial."""
    return "-".join(filter(None, (config["run"], config["trial"])))


def ablation_order(merged: Iterable[str], base: Iterable[str]) -> list[str]:
    """Ablations in the order of config.yaml (`base`), then new ones in the overlay's order."""
    merged = list(merged)
    known = [name for name in base if name in merged]
    return known + [name for name in merged if name not in known]


def ablation_config(config: Mapping[str, Any], ablation: str) -> TrainConfig:
    """The hyper-parameters of one ablation: `train` with its overrides, and the run's frame."""
    train, overrides = config["train"], config["ablations"][ablation]
    values = {name: train[name] for name in HyperParameters.model_fields} | dict(overrides)
    losses = {**train["losses"], **overrides.get("losses", {})}
    return TrainConfig(**{**values, "losses": losses, "frame": config["dataset"]["frame"]})


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """What differs between hyper-parameters, and what stands beside them, in words.

    The number of epochs differs only if the learning rate falls over the last of them: a run that
    was made longer keeps its earlier generators.
    """

    def flat(values: Mapping[str, Any]) -> dict[str, Any]:
        losses = {f"losses.{name}": weight for name, weight in values.get("losses", {}).items()}
        return {**{key: value for key, value in values.items() if key != "losses"}, **losses}

    found, wanted = flat(found), flat(wanted)
    left_out = set() if wanted.get("lr_decay_epochs") else {"epochs"}
    return [
        f"{key} {found.get(key)}, not {wanted.get(key)}"
        for key in sorted({*found, *wanted} - left_out)
        if found.get(key) != wanted.get(key)
    ]


def local_ablations(config: Mapping[str, Any]) -> list[str]:
    """The ablations with local networks, for which faces have to lie in their place."""
    return [name for name in config["ablations"] if ablation_config(config, name).losses.local]


def training_tensors(warp: str) -> str:
    """The name of the file of packed pairs that ablations with this `warp` train on."""
    return "train.npz" if warp == "none" else f"train_{warp}.npz"


def evaluated_epochs(config: Mapping[str, Any]) -> list[int]:
    """The epochs whose generators are kept and scored; `stop` is one of them."""
    epochs = config["evaluation"]["epochs"]
    return list(range(epochs["start"], epochs["stop"] + 1, epochs["step"]))


def has_validation(config: Mapping[str, Any], pairs: Iterable[Mapping[str, str]]) -> bool:
    """Whether pairs of a validation split choose the epoch: marked so, or a share of training."""
    return bool(config["dataset"]["validation"]) or any(row["split"] == "val" for row in pairs)


def sketch_points_needed_by(config: Mapping[str, Any], split: str = "test") -> list[str]:
    """What in the configuration needs the points of the sketches of a split, in words.

    If something needs the points of any split, it needs those of the test split.
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

    `landmarks.min_face_size` is of the input images. Aligned faces are as large as `dataset.size`
    has them: the usual value, scaled with `dataset.size`.
    """
    if config["dataset"]["align"] == "none":
        return int(config["landmarks"]["min_face_size"])
    sides = zip(config["dataset"]["size"], USUAL_SIZE, strict=True)
    return round(USUAL_MIN_FACE_SIZE * min(side / usual for side, usual in sides))


def parser_hparams(config: Mapping[str, Any]) -> dict[str, Any]:
    """What label maps depend on; without `onnx` the keys of the learned network have no effect."""
    parsing = config["parsing"]
    of_network = ("model", "weights_sha256", "fallback") if parsing["backend"] == "onnx" else ()
    return {name: _parser_name(parsing[name]) for name in ("backend", *of_network)}


def feature_file(config: Mapping[str, Any]) -> str | None:
    """The file of the feature network that the configuration names, None if it names none."""
    features = config["evaluation"]["features"]
    return config["evaluation"]["weights"] if isinstance(features, str) else features["onnx"]


def lpips_files(config: Mapping[str, Any]) -> list[str] | None:
    """The two weights files of LPIPS, None if LPIPS is left out."""
    folder = config["evaluation"]["lpips"]
    return folder and [str(Path(folder, name)) for name in LPIPS_FILES]


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """The network whose features FID and KID compare: a known one by its name, or one of one's own
    (`onnx`) by the name of its file without suffix and the hash of the file."""

    name: str
    weights_sha256: str | None = None  # None: that of the published weights
    onnx: OnnxInput | None = None

    @classmethod
    def from_config(cls, evaluation: Mapping[str, Any]) -> Self:
        """From a checked `evaluation` section; an ONNX file is read for its hash."""
        features = evaluation["features"]
        if isinstance(features, str):
            return cls(features, evaluation["weights_sha256"])
        taken = OnnxInput(**{name: features[name] for name in OnnxInput.model_fields})
        return cls(Path(features["onnx"]).stem, file_sha256(features["onnx"]), taken)

    @classmethod
    def from_hparams(cls, hparams: Mapping[str, Any]) -> Self:
        """The inverse of `hparams`; other keys are ignored."""
        onnx = hparams["onnx"] and OnnxInput(**hparams["onnx"])
        return cls(hparams["features"], hparams["weights_sha256"], onnx)

    def hparams(self) -> dict[str, Any]:
        """One dict of builtins, in fixed order."""
        onnx = self.onnx and self.onnx.model_dump()
        return {"features": self.name, "weights_sha256": self.weights_sha256, "onnx": onnx}

    @property
    def label(self) -> str:
        """The network as tables name it: with the first digits of a hash that was given."""
        return (
            f"{self.name} (sha256 {self.weights_sha256:.8})" if self.weights_sha256 else self.name
        )
