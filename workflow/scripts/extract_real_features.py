"""Extract features of the true sketches, and score real images as reference points of tables."""

from photosketch.configuration.settings import FeatureConfig
from photosketch.data import pairs
from photosketch.data.storage import write_table
from photosketch.evaluation import scores
from photosketch.evaluation.extractors import extract
from photosketch.evaluation.files import Features, write_features
from photosketch.evaluation.image_metrics import Measured
from photosketch.evaluation.memory import Memory
from photosketch.evaluation.protocol import PROTOCOLS, as_scored
from photosketch.evaluation.structure import Structure
from photosketch.jobs import devices, job, run_plan
from photosketch.jobs.messages import say
from photosketch.jobs.progress import Bar
from photosketch.landmarks.mesh import mesh
from photosketch.landmarks.table import read_tables
from photosketch.training.samples import ids_and_subsets

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, files, output = snakemake.params.hp, snakemake.input, snakemake.output
    label, protocol = FeatureConfig.from_hparams(hp).label, PROTOCOLS[hp["scored_as"]]
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    networks = scores.Networks.load(hp, files, device)
    manifest = pairs.read_pairs(files.manifest, snakemake.config)
    features = {}
    written = {"test": output.features, "train": output.training, "val": output.get("validation")}
    for split, path in written.items():
        if path is None:
            continue
        people = pairs.select(manifest, split=split)
        print(f"{label}: {len(people)} true {split} sketches on {device}")
        sketches = scores.stack_sketches(people, colour=protocol.in_colour)
        with Bar(f"{label} of true {split} sketches", len(people), console) as bar:
            found = extract(sketches, networks.features, device, bar=bar)
        features[split] = Features(*ids_and_subsets(people), found)
        write_features(features[split], path)

    test = pairs.select(manifest, split="test")
    tables = read_tables(hp["subsets"], files.landmarks)
    gallery = identities = None
    if networks.faces is not None:
        say(f"identity: {len(test)} photos and true sketches on the CPU", console)
        page_command = run_plan.command(snakemake.config["run"], "annotate")
        gallery, identities = scores.photo_gallery(test, tables, networks.faces, page_command)
        write_features(gallery, output.gallery)
    truth = scores.Truth(
        features["test"],
        Measured.of(scores.stack_sketches(test), device),
        gallery=gallery,
        structure=Structure.of(test, tables, mesh),
        memory=Memory.of(features["train"], features["test"]),
    )
    photos = as_scored(scores.stack_gray_photos(test), hp["scored_as"])
    with Bar("scoring photos in gray", len(test), console) as bar:
        points = scores.reference_points(truth, photos, networks, bar, identities)
    write_table(points, output.references)
