"""Score every evaluated epoch of one training run, and each of its sketches."""

from photosketch.configuration.settings import FeatureConfig
from photosketch.data import pairs
from photosketch.data.storage import write_table
from photosketch.evaluation.extractors import feature_remark
from photosketch.evaluation.files import read_features, read_gallery, write_features
from photosketch.evaluation.image_metrics import Measured
from photosketch.evaluation.memory import Memory
from photosketch.evaluation.protocol import PROTOCOLS
from photosketch.evaluation.scores import Networks, Truth, evaluate_epochs, stack_sketches
from photosketch.evaluation.seams import seams_of
from photosketch.evaluation.structure import Structure
from photosketch.jobs import devices, job
from photosketch.landmarks.mesh import mesh
from photosketch.landmarks.table import read_tables
from photosketch.parsing.labels import read_photo_labels

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, files, output = snakemake.params.hp, snakemake.input, snakemake.output
    # wildcards: an ablation and its seed, or a method
    name, *seed = dict(snakemake.wildcards.items()).values()
    run = ", seed ".join([name, *seed])
    real = read_features(files.real)
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    networks = Networks.load(hp, files, device)
    people = pairs.read_pairs(files.manifest, snakemake.config, split=hp["split"])
    seams = structure = None
    if files.get("parsing"):
        labels = dict(zip(hp["subsets"], map(read_photo_labels, files.parsing), strict=True))
        tables = read_tables(hp["subsets"], files.landmarks)
        seams = seams_of(people, tables, labels, hp["frame"])
        structure = Structure.of(people, tables, mesh)
    truth = Truth(
        real,
        Measured.of(stack_sketches(people), device),
        gallery=read_gallery(files.gallery) if hp["identity"] else None,
        seams=seams,
        structure=structure,
        memory=Memory.of(read_features(files.training), real) if files.get("training") else None,
    )
    samples = dict(zip(hp["epochs"], files.samples, strict=True))
    scores, image_scores, features = evaluate_epochs(
        run, samples, truth, networks, console, hp["scored_as"]
    )
    network = FeatureConfig.from_hparams(hp)
    remarks = [feature_remark(network), PROTOCOLS[hp["scored_as"]].note]
    scores = scores.assign(features=network.label, note=". ".join(filter(None, remarks)))
    write_table(scores, output.scores)
    write_table(image_scores, output.images)
    write_features(features, output.features)
