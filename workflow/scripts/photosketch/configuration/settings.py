"""The configuration: every key once, with its type, its bounds and its meaning.

Only config/config.yaml has defaults. `make config-docs` writes the schema and the table of
config/README.md from these models. The Snakefile imports this module: it loads no torch or numpy.
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
from pydantic_core import PydanticCustomError

from photosketch.jobs.disk import file_sha256
from photosketch.jobs.messages import InputError

FusionName = Literal["apdrawing", "feather", "attention", "blend"]
GladForm = Literal["magnitude", "squared", "cosine"]
DecoderName = Literal["transposed", "resize"]
Precision = Literal["fp32", "bf16"]
WarpMode = Literal["none", "face", "region"]
Background = Literal["white", "keep"]  # of photos that are drawn
ScoredAs = Literal[
    "as_drawn", "report2019", "genre2021", "genre2021_saved", "hida2023_saved", "resized256"
]
FRAMES = (256, 512)  # pixels, the possible sides of the networks' square frame
LARGEST = 10**15  # the largest number in the configuration
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# A name that ends in 20 repetitions: Snakemake takes such a wildcard for an endless loop.
PERIODIC = re.compile(r"(.+?)\1{19}$")
# (width, height) of CUFS's images, whose faces lie at `similarity.template`, and the smallest face
# that MTCNN looks for in these images
USUAL_SIZE, USUAL_MIN_FACE_SIZE = (200, 250), 40
# torchvision's VGG16 (the name has the first digits of its sha256), and piq's weights for LPIPS
# (release v0.4.0)
LPIPS_FILES = ("vgg16-397923af.pth", "lpips_weights.pt")
# hyper-parameter: the loss without which it has no effect, and its value if `hp` leaves it out
NO_EFFECT_WITHOUT = {"glad_form": ("glad", "magnitude"), "fusion": ("local", "apdrawing")}
# hyper-parameter that was added later: its value if `hp` leaves it out. The value of all earlier
# runs is left out, so that their trainings stay up to date and their generators readable.
VALUE_BEFORE = {"decoder": "transposed"}


def _one_line(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("has a line break or control character; remove it")
    return text


def _unique(values: list[Any]) -> list[Any]:
    if any(value in values[:index] for index, value in enumerate(values)):
        raise ValueError("repeats a value; allowed: values without repetition")
    return values


def _whole(value: Any) -> Any:
    if type(value) is not int:  # a Literal[1] accepts 1.0 and true
        raise PydanticCustomError("int_type", "not a whole number")
    return value


def setting(stale: str | None = None, **bounds: Any) -> Any:
    """A key of the configuration: the rules that a change makes stale (by default those of its
    section), and its bounds."""
    return Field(json_schema_extra={"stale": stale} if stale else None, **bounds)


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
    # The text below a key is its description. Building a model takes a hundredth of a second, and
    # most are only needed within another model.
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, defer_build=True, use_attribute_docstrings=True
    )


class Dataset(Section):
    """The pairs and their place in the frame of the networks."""

    pairs: Text = setting("index_pairs")
    """path of the table of pairs, a TSV file with the columns subset, id, split, photo, sketch.
    Paths in the table are relative to its folder, or absolute"""
    size: list[Annotated[int, Field(ge=64, le=512)]] = setting(
        "index_pairs, or align_faces if `dataset.align` is not `none`", min_length=2, max_length=2
    )
    """width and height in pixels of every photo and sketch, at most `dataset.frame`. If
    `dataset.align` is `each` or `photo`, images are brought to this size"""
    align: Literal["none", "each", "photo"] = setting(
        "align_faces; index_pairs as well if you change from or to `none`"
    )
    """`none`: all images are already aligned and have `dataset.size`. `each`: photo and sketch are
    each aligned by their own points. `photo`: both are aligned by the photo's points. With the last
    two, images may have any size ([docs/alignment.md](../docs/alignment.md))"""
    frame: Frame = setting(
        "pack_tensors, train, infer, evaluate, and the pictures that show the points of every face "
        "(`landmarks/review/`, or `align/{subset}.png` if `dataset.align` is not `none`)"
    )
    """side in pixels of the square that the networks work on. Images are in the centre of the
    square. 512 needs another `train.jitter` (0, or above 512) and [four times the
    computation](../docs/how-it-works.md#frames-of-512)"""
    pad_value: int = setting("pack_tensors", ge=0, le=255)
    """gray level of the padding around the image, inside the frame"""
    validation: Float = setting("index_pairs", ge=0, le=0.5)
    """share of each subset's training pairs that is kept apart for validation. At least two pairs
    of each subset are kept apart. They are the same in every run. Each training is then also
    reported at the epoch that is best on these pairs (`evaluation.chosen_by`). 0: no pairs are kept
    apart. You can also mark pairs as `val` in the table"""
    sketch_channels: Annotated[Literal[1, 3], BeforeValidator(_whole)] = setting("pack_tensors")
    """channels of the sketches that the networks learn. Sketches are always scored in gray"""


class Facepp(Section):
    """Face++, asked for the faces that MTCNN missed."""

    enabled: bool = setting("facepp_landmarks, merge_landmarks")
    """true: images in which MTCNN found no face are sent to Face++, unless their points were placed
    by hand. Sketches are sent only if something needs their points (a warp, `dataset.align: each`,
    `evaluation.identity`). Key and secret are read from the environment variables `FACEPP_API_KEY`
    and `FACEPP_API_SECRET` and are never written to a file"""
    endpoint: Text = setting("nothing")
    """https address of the Detect API v3. Answers are kept. If you change the address, images with
    an answer are not sent again"""
    timeout: Float = setting("nothing", gt=0, le=LARGEST)
    """time in seconds to wait for an answer before the request is repeated. After seven attempts in
    all, the run stops"""


class Landmarks(Section):
    """Five points of every face."""

    manual: Text | None = setting("merge_landmarks")
    """CSV file of points placed by hand, which replace detected points. Columns: subset, id,
    modality (photo or sketch), and x and y of the five points ([names](../resources/README.md)).
    Left is the viewer's left"""
    min_face_size: int = setting(
        "detect_landmarks; also warp_sketches, unless `dataset.align` is `each` or `photo`",
        ge=10,
        le=512,
    )
    """smallest face in pixels that MTCNN looks for. Images with a side above 1,600 pixels are
    reduced to 1,600 first. If your images have 400x500 pixels, twice the size of CUFS's, 80 finds
    faces as well as 40 does, in a quarter of the time. The warp detects faces in sketches with this
    value. If `dataset.align` is not `none`, the warp instead looks for faces of at least 40 pixels
    in images of 200x250, and in proportion for other sizes"""
    annotate: list[
        Annotated[str, Field(pattern="^[^/]+/[^/]+/[^/]+$"), AfterValidator(_one_line)]
    ] = setting("annotate")
    """images to show on the click page (target `annotate`), in addition to images without points.
    Write each as SUBSET/ID/MODALITY, with `*` for any text"""
    mesh: bool = setting("detect_landmarks")
    """true: if MTCNN finds no face, MediaPipe's face mesh looks for the face at the place where the
    other faces of the subset are. Points from Face++ or placed by hand replace the mesh's points.
    `merge_landmarks` names the images whose points come from the mesh, and the click page shows
    them. The key has an effect only if `dataset.align` is `none`"""
    facepp: Facepp


class Parsing(Section, json_schema_extra={"stale": "parse_faces, warp_sketches"}):
    """Label maps of every face."""

    backend: Annotated[Literal["segmentation", "onnx"], BeforeValidator(_parser_name)]
    """how label maps are made. `segmentation` uses the image, the five points, and a small network
    that finds the person. `grabcut`, the former name of `segmentation`, still works. `onnx` uses
    BiSeNet, trained on photos of CelebAMask-HQ. OpenCV runs BiSeNet on the CPU, or on a GPU if
    OpenCV was built with CUDA (the packages on PyPI were not)"""
    model: Literal["resnet18", "resnet34"]
    """backbone of BiSeNet. This key and the next three have an effect only with `onnx`"""
    weights: Text | None
    """ONNX file of BiSeNet (input 512x512 RGB, first output the logits of 19 classes). null: the
    published file is downloaded to `resources/weights/`"""
    weights_sha256: Sha256 | None
    """expected SHA-256 of the ONNX file. null: the hash of the published file"""
    fallback: bool
    """what happens if BiSeNet finds no face in an image. true: `segmentation` parses the image, and
    this image is named in the log, on the console and in the picture of the label maps. false: if
    the image is a photo, the run stops, unless you draw its label map by hand. If the image is a
    sketch, it gets no labels. The run then stops only if an ablation has a warp"""
    manual: Text | None = setting("merge_parsings")
    """folder of label maps drawn by hand or by another tool, which replace the parser's maps
    ([docs/label-maps.md](../docs/label-maps.md)). A new map does not make the parser run again"""


class LossWeights(Section, json_schema_extra={"stale": "train"}):
    """Weights of the loss terms beside the adversarial one; 0 switches a term off."""

    l1: Weight
    """weight of the L1 distance between drawn and true sketch, with pixels in [-1, 1]. 0 switches
    it off"""
    glad: Weight
    """weight of the generalised gradient loss, which compares edges. The report gives no formula,
    so first read [what a weight means here](../docs/how-it-works.md#the-gradient-loss)"""
    local: Weight
    """weight of APDrawingGAN's local loss. If it is above 0, the local networks are built"""


class HyperParameters(Section, json_schema_extra={"stale": "train"}):
    """What an ablation may set."""

    epochs: Positive
    """passes over the training pairs. If you raise the number, training continues from the last
    state if the learning rate is constant. Otherwise it starts from the beginning"""
    batch_size: Positive
    """pairs per step"""
    lr: Float = setting(gt=0, le=1)
    """learning rate of Adam, for generator and discriminators. YAML reads `2e-4` as text, so write
    `2.0e-4` or `0.0002`"""
    beta1: Float = setting(ge=0, lt=1)
    """beta1 of Adam"""
    lr_decay_epochs: Natural
    """number of epochs at the end of training over which the learning rate falls linearly to 0. 0:
    the learning rate is constant"""
    ngf: Channels
    """channels of the generator's first layer"""
    ndf: Channels
    """channels of the discriminator's first layer"""
    jitter: int = setting(ge=0, le=2 * FRAMES[-1])
    """images are padded to this side in pixels, and a random frame is cropped. The value must be
    larger than the frame and at most twice as large. 0: no crop. 286 for frames of 256 corresponds
    to 572 for frames of 512"""
    glad_form: GladForm
    """form of the gradient loss. `magnitude` and `squared`: mean absolute or squared difference
    between the gradient magnitudes of drawn and true sketch. `cosine`: difference between the
    gradient directions of drawn sketch and photo, as in the later paper
    [GENRE](../docs/how-it-works.md#the-gradient-loss). The key has an effect only if `losses.glad`
    is above 0"""
    precision: Precision
    """`bf16`: forward and backward passes use 16 bits, while weights, losses and Adam keep 32. This
    is faster on GPUs and on CPUs with AMX or AVX512-BF16, and many times slower on other CPUs.
    Results of `bf16` differ from those of `fp32`, so compare only runs of the same precision. On a
    GPU, `fp32` convolutions round to TensorFloat-32, torch's default"""
    warp: WarpMode = setting(
        "train, for each ablation whose warp changes. Also warp_sketches and pack_warped_tensors, "
        "if no other ablation already has the new warp"
    )
    """training sketches are warped onto their photos. The displacement is estimated from the
    outlines in the label maps of photo and sketch, the five points, and patches that look alike.
    `face` moves the whole head. `region` moves only the eyes (together with the brows), the nose
    and the mouth. Scores always use the original sketches"""
    fusion: FusionName
    """how the sketches of the local networks and the sketch of the whole frame become one.
    `apdrawing` is APDrawingGAN's method. This project added the other three
    ([docs/how-it-works.md](../docs/how-it-works.md#fusion-from-parts-to-one-sketch)). The key has
    an effect only if `losses.local` is above 0"""
    decoder: DecoderName
    """how the U-Nets double the resolution. `transposed`: transposed convolutions, as in pix2pix.
    `resize`: each pixel is repeated and a 3x3 convolution follows, which leaves no checkerboard
    ([docs/how-it-works.md](../docs/how-it-works.md#the-decoder))"""
    flip: bool
    """true: a random half of the training pairs is mirrored (photo, sketch, labels and points)"""
    losses: LossWeights


class RunSettings(Section):
    """The keys of `train` that change no result: settings of the whole run, not of an ablation."""

    strip_every: Natural = setting("nothing")
    """number of epochs between two strips. A strip is a PNG that shows training samples as photo,
    true sketch and drawn sketch. Strips are in `train/{ablation}/seed{seed}/strips/` and in
    TensorBoard. 0: no strips. This key belongs to the whole run, so no ablation may set it"""
    state_minutes: Weight = setting("nothing")
    """longest time in minutes between two saved states. A killed training resumes from the last
    saved state. This key belongs to the whole run"""
    keep: Literal["all", "last"] = setting("nothing")
    """saved states kept for each training. `all`: the newest two (despite the name), in case one is
    damaged. `last`: only the newest. At width 64, a state takes 0.7 GB for `baseline` and 1 GB with
    the local networks, three times as much as the weights. This key belongs to the whole run"""
    keep_replaced: Natural = setting("nothing")
    """number of earlier trainings that are kept for each ablation and seed after a value was
    changed. If you set the value back, nothing is trained again. Further trainings are removed:
    first those made by another version of the code, then unfinished trainings, then those used
    longest ago. `make clean-replaced` removes all earlier trainings. With the default epochs and
    width 64, a training takes 7 to 8 GB, because the generators of all 31 evaluated epochs are
    kept. This key belongs to the whole run"""

    @classmethod
    def from_config(cls, train: Mapping[str, Any]) -> Self:
        """The settings in a checked `train` section."""
        return cls(**{name: train[name] for name in cls.model_fields})

    @property
    def states(self) -> int:
        """How many states are kept: the newest two, because one may be damaged, or the last."""
        return 2 if self.keep == "all" else 1


class Train(RunSettings, HyperParameters):
    """Hyper-parameters shared by all ablations, and settings of the run."""


class TrainConfig(HyperParameters):
    """The hyper-parameters of one ablation, and the run's frame."""

    frame: Frame

    @property
    def networks(self) -> list[Any]:
        """The values, besides the seed, that determine the first weights (without the fusion's)."""
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
            fault = f"hyper-parameters that this version can't read ({wrong}); train it again"
            raise InputError([fault]) from error

    def hparams(self) -> dict[str, Any]:
        """A dict of builtins in fixed order, without `NO_EFFECT_WITHOUT` and `VALUE_BEFORE`."""
        values = self.model_dump()
        idle = {name for name, (loss, _) in NO_EFFECT_WITHOUT.items() if not values["losses"][loss]}
        idle |= {name for name, before in VALUE_BEFORE.items() if values[name] == before}
        return {name: value for name, value in values.items() if name not in idle}


def _partial(model: type[BaseModel]) -> type[Section]:
    """The model with every key optional but not null. There are no defaults: keys that are not set
    are not in its dump."""
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        kind: Any = field.rebuild_annotation()
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = _partial(kind)
        fields[name] = (kind, Field(None, description=field.description))
    return create_model(f"{model.__name__}Overrides", __base__=Section, **fields)


Overrides = _partial(HyperParameters)
HYPER_PARAMETERS = [
    *(name for name in HyperParameters.model_fields if name != "losses"),
    *(f"losses.{name}" for name in LossWeights.model_fields),
]


class SweepSection(Section):
    """One hyper-parameter of an ablation over several values."""

    ablation: str
    """the ablation to start from; each point changes one of its values"""
    key: str
    """the hyper-parameter that varies, such as jitter or losses.local"""
    values: Annotated[list[Any], AfterValidator(_unique)] = setting(min_length=1)
    """the values. Each becomes an ablation, unless an ablation with the same hyper-parameters
    exists"""
    show: bool = False
    """whether grids and gallery have the points too"""


class PublishedValues(Section):
    """Published values of FID."""

    source: Text
    """where the values were published"""
    features: Text
    """the feature network of the values, by its name in the tables"""
    fid: Annotated[dict[str, Weight], AfterValidator(lambda fid: dict(sorted(fid.items())))] = (
        setting(min_length=1)
    )
    """FID by subset. `all` is the value over all subsets together"""


class Inference(Section):
    """How trained generators draw."""

    statistics: Literal["instance", "running"] = setting("infer")
    """`instance`: BatchNorm uses the statistics of the single image and dropout stays on, as in
    pix2pix's test. `running`: `eval()`"""


class Epochs(Section, json_schema_extra={"stale": "train"}):
    """The evaluated epochs, the same for all ablations."""

    start: Positive
    """first evaluated epoch. If a change adds an epoch that was already passed in training,
    training starts again from the beginning. If the change adds only later epochs, training
    continues from the last state"""
    stop: Positive
    """last evaluated epoch, included; at most `train.epochs`"""
    step: Positive
    """distance between two evaluated epochs"""


Share = Annotated[Float, Field(ge=0, le=1)]


class OnnxInput(Section):
    """What your own ONNX network takes: RGB images of size x size pixels; from each channel
    in 0..1 its `mean` is subtracted, and the difference is divided by its `std`."""

    size: int = setting(ge=16, le=2048)
    """side in pixels of the network's square input"""
    mean: list[Share] = setting(min_length=3, max_length=3)
    """mean of red, green and blue in 0..1"""
    std: list[Annotated[Share, Field(gt=0)]] = setting(min_length=3, max_length=3)
    """standard deviation of red, green and blue in 0..1"""


class OnnxFeatures(OnnxInput):
    onnx: Text
    """path of your own ONNX network"""


FeatureName = Literal["inception-tf", "inception-imagenet", "efficientnet-lite0"]
TAGS = ("<name>", "<file>")  # the two kinds of `evaluation.features` in pydantic's locations
Features = Annotated[
    Annotated[FeatureName, Tag(TAGS[0])] | Annotated[OnnxFeatures, Tag(TAGS[1])],
    Discriminator(lambda value: TAGS[isinstance(value, Mapping | OnnxFeatures)]),
]


class Evaluation(Section, json_schema_extra={"stale": "extract_real_features, evaluate"}):
    """Which epochs are scored, and how."""

    epochs: Epochs
    features: Features
    """feature network of FID and KID. `inception-tf`: pytorch-fid's Inception, which published
    values use. `inception-imagenet`: torchvision's Inception, which the report uses.
    `efficientnet-lite0`: a small network that the demo uses and that needs no download. You can
    also give the path of an ONNX file as `onnx`, which needs `make setup ONNX=1`. Then also give
    `size` (side in pixels of its square input), and `mean` and `std` of red, green and blue in 0..1
    ([docs/features.md](../docs/features.md))"""
    weights: Text | None
    """weights file of the feature network. null: the published file, downloaded to
    `resources/weights/` (for `efficientnet-lite0`, the file in its package). Not allowed with an
    ONNX file"""
    weights_sha256: Sha256 | None
    """expected SHA-256 of the weights file. null: the hash of the published file"""
    lpips: Text | None
    """folder with `vgg16-397923af.pth` (torchvision's VGG16) and `lpips_weights.pt` (piq's release
    v0.4.0). null: LPIPS is not computed"""
    lpips_sha256: Sha256 | None
    """expected SHA-256 of the VGG16 file in the folder `evaluation.lpips`. null: the hash of
    torchvision's file. `lpips_weights.pt` has no published hash, so only its shapes are checked. If
    its content changes, scoring runs again"""
    identity: bool
    """true: dlib's face recognition compares each drawn sketch with the photos of all test people
    of the subset, and reports rank 1 and AUC. True sketches are scored too. This runs on the CPU,
    takes a tenth of a second per image, and needs `make setup IDENTITY=1` (105 MB)"""
    primary: Literal[
        "fid", "kid", "ssim", "fsim", "scoot", "lpips", "seam", "structure", "memory"
    ] = setting("estimate_differences")
    """the primary metric, which decides the comparison. Its differences over all subsets together
    give the primary verdicts. With several ablations, a false primary verdict is more likely, so
    the intervals of these differences are made wider. If no ablation truly differs, at most about
    5% of runs then have a false primary verdict. For `memory`, a lower value counts as better. All
    other differences are descriptive: their intervals are not widened
    ([docs/significance.md](../docs/significance.md)). Choose the primary metric before you look at
    results"""
    contrasts: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] = setting(
        "estimate_differences"
    )
    """pairs [first, second] of ablations or methods that are compared with each other, in addition
    to the comparison with `reference`. Every pair of ablations makes the intervals of the primary
    metric wider. Choose the pairs before you look at results"""
    votes: Annotated[list[Text], AfterValidator(_unique)] = setting("compare")
    """CSV files of blind votes, one file per voter. The target `votes` makes a page, and this page
    saves the files ([docs/votes.md](../docs/votes.md))"""
    chosen_by: Literal["fid", "kid"] = setting("compare, if there are validation pairs")
    """the metric that chooses the epoch of each training if there are validation pairs. The epoch
    with the lowest value on these pairs is chosen. With few pairs FID is biased, and KID is not"""
    scored_as: ScoredAs
    """how drawn and true sketches are changed before scoring, to follow published code.
    [docs/protocols.md](../docs/protocols.md#how-sketches-are-scored) compares the presets (gray
    levels, JPEG, colour, crop, size). The saved samples stay as drawn. Tables and figures name the
    preset"""


class Voting(Section, json_schema_extra={"stale": "votes"}):
    """What the page of blind votes shows."""

    faces: Positive
    """number of test people on the page of votes. If there are fewer, all are shown"""
    seed: Natural
    """seed that chooses the people on the page of votes. The seed and the voter's name determine
    the order of the comparisons and the side of each sketch"""


class ComparisonSettings(Section):
    """What the comparison shows."""

    people: Annotated[list[Text], AfterValidator(_unique)] = setting("compare")
    """test people to show in the grids, as SUBSET/ID. For a subset that you do not name, six people
    are taken, evenly spaced in the table of pairs"""
    voting: Voting


class Draw(Section):
    """What the target `draw` draws, and with which generator."""

    photos: Text
    """folder of the photos"""
    ablation: Name
    """the ablation whose generator draws"""
    seed: Seed
    """the seed of that generator"""
    epoch: Positive
    """the evaluated epoch of that generator"""
    points: Text | None = None
    """points placed by hand on photos in which no face is found (CSV)"""
    background: Background = "white"
    """`white`: all but the person is made white. `keep`: the photo stays as it is"""


class Config(Section):
    """Configuration of the photo -> sketch ablations."""

    run: Name = setting("nothing: each run has its own folder")
    """name of the run: results go to `results/{run}/`"""
    trial: Name | None = setting("nothing: each trial has its own folder")
    """name of a short run that tries the stages out. Results go to `results/{run}-{trial}/`, so a
    trial (`config/tiny.yaml`) does not replace the results of the run"""
    dataset: Dataset
    landmarks: Landmarks
    parsing: Parsing
    train: Train
    seeds: Annotated[list[Seed], AfterValidator(_unique)] = setting(
        "train for the new seeds, and all later stages", min_length=1
    )
    """each ablation is trained once with each seed"""
    device: Literal["auto", "cpu", "cuda"] = setting("nothing")
    """device for detection, training, drawing and scoring. `cpu`: the CPU. `cuda`: a GPU, or the
    job stops. `auto`: a GPU, or the CPU if the machine has none. If the machine has a GPU that the
    job cannot use, the job stops and says what to do ([docs/gpu.md](../docs/gpu.md)). Exception: if
    you set the Snakemake resource `gpu` of a rule to 0, its jobs run on the CPU, even with
    `cuda`"""
    gpu_slots: Positive = setting("nothing")
    """number of jobs that may share one GPU. Further jobs wait and say so. Also set the resource
    `gpu` to the number of GPUs times `gpu_slots`, in `profiles/default` or by `--resources gpu=N`.
    Without NVIDIA's MPS, jobs on one GPU take turns, and sharing gains little
    ([docs/gpu.md](../docs/gpu.md))"""
    ablations: dict[Name, Overrides] = setting(  # type: ignore[valid-type]
        "that ablation's train", min_length=1
    )
    """ways to train, by name. Each way overrides keys of `train`: see [below](#ablations)"""
    sweeps: dict[Name, SweepSection] = setting("train for the new values, and all later stages")
    """sweeps, by name. A sweep trains an ablation with several values of one hyper-parameter: see
    [below](#sweeps)"""
    reference: Name = setting("estimate_differences")
    """the ablation that all other ablations are compared with. The tables show each difference with
    an interval over test images. If there are several seeds, they also show an interval over images
    and seeds. Each interval has a verdict: better, worse or undecided. Every further entry of
    `ablations` makes the intervals of the primary metric wider"""
    methods: dict[Name, Text] = setting("collect_sketches")
    """folders of sketches that other programs drew from the test photos, by name. They are scored
    beside the ablations ([docs/other-sketches.md](../docs/other-sketches.md))"""
    published: dict[Name, PublishedValues] = setting("compare")
    """published FID values, by name. They appear in the tables and curves of FID
    ([docs/other-sketches.md](../docs/other-sketches.md#show-published-values))"""
    inference: Inference
    evaluation: Evaluation
    comparison: ComparisonSettings
    draw: Draw | None = setting("draw")
    """settings of the target `draw`, as {photos: FOLDER, ablation, seed, epoch}. The target draws
    the faces in the photos of this folder with the generator of this ablation, seed and epoch.
    Optional: `background` (`white`, the default, or `keep`), and `points`, a CSV file for photos in
    which no face is found ([docs/own-photos.md](../docs/own-photos.md))"""


def canonical(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with fixed order and types (100.0 for the weight 100), so that the way of
    writing makes no difference. Raises pydantic's ValidationError."""
    return Config.model_validate(config).model_dump(exclude_unset=True)


def results_name(config: Mapping[str, Any]) -> str:
    """The name of a run's folder in `results`, with the name of its trial."""
    return "-".join(filter(None, (config["run"], config["trial"])))


def ablation_order(merged: Iterable[str], base: Iterable[str]) -> list[str]:
    """Ablations in the order of config.yaml (`base`), then new ones in the overlay's order."""
    merged = list(merged)
    return sorted(merged, key=[*base, *merged].index)


def ablation_config(config: Mapping[str, Any], ablation: str) -> TrainConfig:
    """The hyper-parameters of one ablation: `train` with its overrides, and the run's frame."""
    train, overrides = config["train"], config["ablations"][ablation]
    values = {name: train[name] for name in HyperParameters.model_fields} | dict(overrides)
    losses = {**train["losses"], **overrides.get("losses", {})}
    return TrainConfig(**{**values, "losses": losses, "frame": config["dataset"]["frame"]})


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters with dotted keys for the weights of losses, such as losses.l1."""
    losses = {f"losses.{name}": weight for name, weight in values.get("losses", {}).items()}
    return {**{key: value for key, value in values.items() if key != "losses"}, **losses}


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """The differences between hyper-parameters (and other values of a generator), in words. A
    different number of epochs counts only if the learning rate falls over the last epochs, because
    otherwise a longer run keeps its earlier generators."""
    found, wanted = flat(found), flat(wanted)
    left_out = set() if wanted.get("lr_decay_epochs") else {"epochs"}
    return [
        f"{key} {found.get(key)}, not {wanted.get(key)}"
        for key in sorted({*found, *wanted} - left_out)
        if found.get(key) != wanted.get(key)
    ]


def local_ablations(config: Mapping[str, Any]) -> list[str]:
    """The ablations with local networks, whose rectangles have to fit the faces."""
    return [name for name in config["ablations"] if ablation_config(config, name).losses.local]


def training_tensors(warp: str) -> str:
    """The name of the file of training pairs of ablations with this `warp`."""
    return "train.npz" if warp == "none" else f"train_{warp}.npz"


def evaluated_epochs(config: Mapping[str, Any]) -> list[int]:
    """The epochs whose generators are kept and scored, including `stop`."""
    epochs = config["evaluation"]["epochs"]
    return list(range(epochs["start"], epochs["stop"] + 1, epochs["step"]))


def sketch_points_needed_by(config: Mapping[str, Any], split: str = "test") -> list[str]:
    """The settings that need the points of the sketches of a split, in words. Each needs those of
    the test split. If there is none, a sketch without a face does not stop the run."""
    warped = [name for name in config["ablations"] if ablation_config(config, name).warp != "none"]
    needed_by = [f"the warp of ablation {name}" for name in warped]
    if config["dataset"]["align"] == "each":
        needed_by.append("dataset.align: each")
    if config["evaluation"]["identity"] and split == "test":
        needed_by.append("evaluation.identity")
    return needed_by


def warp_min_face_size(config: Mapping[str, Any]) -> int:
    """The smallest face, in pixels, that MTCNN looks for in sketches that are warped. The faces of
    aligned sketches have a size that depends on `dataset.size`."""
    if config["dataset"]["align"] == "none":
        return int(config["landmarks"]["min_face_size"])
    sides = zip(config["dataset"]["size"], USUAL_SIZE, strict=True)
    return round(USUAL_MIN_FACE_SIZE * min(side / usual for side, usual in sides))


def parser_hparams(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that label maps depend on, with `onnx` also those of the learned network."""
    parsing = config["parsing"]
    of_network = ("model", "weights_sha256", "fallback") if parsing["backend"] == "onnx" else ()
    return {name: _parser_name(parsing[name]) for name in ("backend", *of_network)}


def feature_file(config: Mapping[str, Any]) -> str | None:
    """The file of the feature network in the configuration, if there is one."""
    features = config["evaluation"]["features"]
    return config["evaluation"]["weights"] if isinstance(features, str) else features["onnx"]


def lpips_files(config: Mapping[str, Any]) -> list[str] | None:
    """The two weights files of LPIPS; None without LPIPS."""
    folder = config["evaluation"]["lpips"]
    return folder and [str(Path(folder, name)) for name in LPIPS_FILES]


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """The network whose features FID and KID compare: a known network by its name, or the user's
    own (`onnx`) by its file's name without suffix and the file's hash."""

    name: str
    weights_sha256: str | None = None  # None: the hash of the published weights
    onnx: OnnxInput | None = None

    @classmethod
    def from_config(cls, evaluation: Mapping[str, Any]) -> Self:
        """The network of a checked `evaluation` section; an ONNX file is hashed."""
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
        """A dict of builtins in fixed order."""
        onnx = self.onnx and self.onnx.model_dump()
        return {"features": self.name, "weights_sha256": self.weights_sha256, "onnx": onnx}

    @property
    def label(self) -> str:
        """The network's name for tables, with the first digits of a given hash."""
        sha256 = self.weights_sha256
        return f"{self.name} (sha256 {sha256:.8})" if sha256 else self.name
