"""Score every evaluated epoch of one training run, and each of its sketches."""

from photosketch.configuration.settings import FeatureConfig
from photosketch.data import pairs
from photosketch.data.storage import write_table
from photosketch.evaluation.extractors import feature_remark
from photosketch.evaluation.files import (
    read_features,
    read_gallery,
    sample_problems,
    write_features,
)
from photosketch.evaluation.memory import Memory
from photosketch.evaluation.protocol import protocol_remark
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
    problems = [text for path in files.samples for text in sample_problems(path, real)]
    if problems:
        raise job.InputError(problems)
    identity, scored_as = hp["identity"], hp["scored_as"]
    networks = Networks.load(hp, files.get("weights"), files.get("lpips", ()))
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    networks = networks.to(device)
    people = pairs.read_pairs(files.manifest, snakemake.config, split=hp["split"])
    gallery = read_gallery(files.gallery) if identity else None
    seams = structure = None
    if files.get("parsing"):
        labels = dict(zip(hp["subsets"], map(read_photo_labels, files.parsing), strict=True))
        tables = read_tables(hp["subsets"], files.landmarks)
        seams = seams_of(people, tables, labels, hp["frame"])
        structure = Structure.of(people, tables, mesh)
    memory = Memory.of(read_features(files.training), real) if files.get("training") else None
    truth = Truth.of(
        real,
        stack_sketches(people),
        networks.device,
        gallery=gallery,
        seams=seams,
        structure=structure,
        memory=memory,
    )
    samples = dict(zip(hp["epochs"], files.samples, strict=True))
    scores, image_scores, features = evaluate_epochs(
        run, samples, truth, networks, console, scored_as
    )
    network = FeatureConfig.from_hparams(hp)
    remarks = [feature_remark(network), protocol_remark(scored_as)]
    scores = scores.assign(features=network.label, note=". ".join(filter(None, remarks)))
    write_table(scores, output.scores)
    write_table(image_scores, output.images)
    write_features(features, output.features)
