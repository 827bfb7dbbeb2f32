"""The scores of generated sketches, and of real images compared with the same true sketches."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

import numpy as np
import pandas as pd
import torch
from torch import nn

from photosketch.configuration.settings import FeatureConfig, ScoredAs
from photosketch.data.images import gray
from photosketch.data.pairs import Pair, read_image, select
from photosketch.evaluation import distances, extractors, image_metrics, protocol
from photosketch.evaluation.distances import InnerProducts, subset_masks
from photosketch.evaluation.files import PHOTOS, TRUE_SKETCHES, Features, Gallery, RunFeatures
from photosketch.evaluation.image_metrics import Measured
from photosketch.evaluation.memory import Memory
from photosketch.evaluation.recognition import FaceRecogniser, identity_scores, nlda_rank_one
from photosketch.evaluation.seams import Seams
from photosketch.evaluation.structure import Structure
from photosketch.jobs.messages import InputError
from photosketch.jobs.progress import Bar
from photosketch.landmarks.table import sketch_problems, stack_points, without_points
from photosketch.training.samples import ids_and_subsets, read_samples

if TYPE_CHECKING:
    from piq.perceptual import ContentLoss


@dataclass(frozen=True)
class Networks:
    """The networks of the metrics: features, LPIPS, and faces for identity. Metrics whose network
    is None are left out. All are on `device`, except that faces are always on the CPU."""

    features: nn.Module
    lpips: "ContentLoss | None" = None
    device: torch.device | str = "cpu"
    faces: FaceRecogniser | None = None

    @classmethod
    def load(cls, hp: Mapping[str, Any], files: Any, device: torch.device) -> Self:
        """The networks named by a stage's hyper-parameters.

        `files`: a stage's input, perhaps with `weights` of the feature network (otherwise those of
        its package) and `lpips` (VGG16 and LPIPS). Raises InputError as the loaders do.
        """
        config, seen_as = FeatureConfig.from_hparams(hp), protocol.PROTOCOLS[hp["scored_as"]]
        network = extractors.load(config, files.get("weights"))
        features = extractors.View(network, seen_as, config.name).to(device)
        lpips = None
        if files.get("lpips"):
            vgg, layers = files.lpips
            lpips = image_metrics.load_lpips(vgg, layers, hp["lpips"]["sha256"]).to(device)
        return cls(features, lpips, device, FaceRecogniser.load() if hp["identity"] else None)


@dataclass(frozen=True)
class Truth:
    """What the scores of all epochs share: the features of the real test sketches, and the measured
    sketches in the same order. Metrics whose field is None are left out: `gallery` (the photos) is
    for identity, the others have their metric's name."""

    features: Features
    measured: Measured
    gallery: Gallery | None = None
    seams: Seams | None = None
    structure: Structure | None = None
    memory: Memory | None = None


def stack_sketches(pairs: Sequence[Pair], *, colour: bool = False) -> np.ndarray:
    """The real sketches of the pairs, uint8: gray [N, H, W], or in colour [N, H, W, 3]."""
    return np.stack([read_image(pair, "sketch", colour=colour) for pair in pairs])


def stack_gray_photos(pairs: Sequence[Pair]) -> np.ndarray:
    """The photos of the pairs in gray (ITU-R 601), [N, H, W] uint8."""
    return np.stack([gray(read_image(pair, "photo")) for pair in pairs])


def evaluate_epochs(
    run: str,
    samples: Mapping[int, str | Path],
    truth: Truth,
    networks: Networks,
    console: TextIO,
    scored_as: ScoredAs = "as_drawn",
) -> tuple[pd.DataFrame, pd.DataFrame, RunFeatures]:
    """The results of `evaluate` for the sketches of each epoch of a run, as one.

    `samples`: the files by epoch; `scored_as`: how the sketches are prepared. Both tables begin
    with a column `epoch`. A bar named `run` on `console` shows the progress; FID goes to the log.
    """
    results, images = [], len(truth.features.ids) * len(samples)
    with Bar(run, images, console) as bar:
        for place, (epoch, path) in enumerate(samples.items(), 1):
            bar.part = f"scoring epoch {epoch} ({place}/{len(samples)})"
            drawn = read_samples(path, truth.features.people)
            sketches = protocol.as_scored(drawn.sketches, scored_as)
            scores, image_scores, found = evaluate(sketches, truth, networks, bar)
            scores.insert(0, "epoch", epoch)
            scores["made_with"] = json.dumps({"scored_as": scored_as, **drawn.drawn_by})
            image_scores.insert(0, "epoch", epoch)
            results.append((scores, image_scores, found))
            print(f"{run}: epoch {epoch}, FID {scores['fid'].iloc[-1]:.4g}", flush=True)
    by_subset, by_image, features = zip(*results, strict=True)
    real = truth.features
    run_features = RunFeatures(real.ids, real.subset, np.stack(features), np.array(list(samples)))
    return pd.concat(by_subset), pd.concat(by_image), run_features


def evaluate(
    sketches: np.ndarray, truth: Truth, networks: Networks, bar: Bar | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Every score of sketches [N, H, W] uint8 of the people of `truth`, in its order.

    Returns a table by subset (subset, n, every metric of `metrics.METRICS`, kid_low, kid_high), a
    table by image (subset, id, every metric of single images; with memory also `nearest`,
    SUBSET/ID of the nearest training sketch), and the features [N, D] float32. Metrics without
    their network or their field of `truth` are left out. Networks and truth must be on one device.
    """
    subset = truth.features.subset
    generated = extractors.extract(sketches, networks.features, networks.device, bar=bar, share=0.5)
    products = InnerProducts.of(truth.features.features, generated)
    scores = distances.score(products, subset)
    scores["fid_other"] = distances.fid_of_others(products, subset)
    measured = Measured.of(sketches, networks.device, bar=bar, share=0.5)
    by_image = image_metrics.score_images(truth.measured, measured, networks.lpips)
    if truth.seams is not None:
        by_image["seam"] = truth.seams.scores(sketches)
    if truth.structure is not None:
        by_image["structure"] = truth.structure.scores(sketches)
    if truth.memory is not None:
        positions, ratios = truth.memory.nearest(generated)
        if not np.isnan(truth.memory.limits).all():
            by_image["memory"] = truth.memory.copied(ratios)
    masks = subset_masks(subset)
    for metric in by_image:
        scores[metric] = [by_image.loc[mask, metric].mean() for mask in masks.values()]
    scores["nlda"] = [
        nlda_rank_one(truth.measured.sketches[mask], sketches[mask], networks.device)
        for mask in masks.values()
    ]
    if networks.faces is not None and truth.gallery is not None:
        faces = networks.faces.embed(sketches, truth.gallery.points)
        scores = scores.assign(**identity_scores(faces, truth.gallery.features, masks))
    if truth.memory is not None:
        training = truth.memory.training.people
        by_image["nearest"] = ["/".join(training[position]) for position in positions]
    by_image.insert(0, "subset", subset)
    by_image.insert(1, "id", truth.features.ids)
    return scores, by_image, generated


def reference_points(
    truth: Truth,
    photos: np.ndarray,
    networks: Networks,
    bar: Bar | None = None,
    identities: Mapping[str, Sequence[float]] | None = None,
) -> pd.DataFrame:
    """The scores of real images, a scale for the scores of drawn sketches. Columns: as from
    `evaluate`, and name.

    photos [N, H, W] uint8: the photos of the people of `truth` in gray, prepared as drawn sketches
    are. True sketches of other people have only FID, other people, and KID. True sketches of the
    same people have only `structure` and `identities`, the columns of `photo_gallery`. `bar`
    counts the photos.
    """
    tables = {"other people's real sketches": distances.true_halves(truth.features)}
    tables[PHOTOS], _, _ = evaluate(photos, truth, networks, bar)
    masks = subset_masks(truth.features.subset)
    counts = [int(mask.sum()) for mask in masks.values()]
    own = pd.DataFrame({"subset": list(masks), "n": counts, **(identities or {})})
    if truth.structure is not None:
        structure = pd.Series(truth.structure.scores(truth.measured.sketches))
        own["structure"] = [structure[mask].mean() for mask in masks.values()]
    tables[TRUE_SKETCHES] = own
    return pd.concat([table.assign(name=name) for name, table in tables.items()])


def photo_gallery(
    people: Sequence[Pair],
    landmarks: Mapping[str, pd.DataFrame],
    faces: FaceRecogniser,
    page_command: str,
) -> tuple[Gallery, dict[str, list[float]]]:
    """The photos among which people are looked up, and the identity columns of the true sketches,
    by subset and pooled; landmarks: tables by subset.

    A true sketch has its own points, because it does not lie on its photo. Raises InputError with
    every sketch without points; `page_command` makes the page on which they are placed.
    """
    unlocated = [
        pair
        for subset, table in landmarks.items()
        for pair in without_points(select(people, subset), table, "sketch")
    ]
    if unlocated:
        raise InputError(sketch_problems(unlocated, "evaluation.identity", page_command))
    points = stack_points(people, landmarks, "photo")
    photos = np.stack([read_image(pair, "photo") for pair in people])  # [N, H, W, 3]
    gallery = Gallery(*ids_and_subsets(people), faces.embed(photos, points), points)
    drawn = faces.embed(stack_sketches(people), stack_points(people, landmarks, "sketch"))
    return gallery, identity_scores(drawn, gallery.features, subset_masks(gallery.subset))
