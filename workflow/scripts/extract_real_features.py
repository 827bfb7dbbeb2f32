"""Extract features of the true sketches, and score real images as reference points of tables."""

from photosketch.configuration.settings import FeatureConfig
from photosketch.data import pairs
from photosketch.data.storage import write_table
from photosketch.evaluation import protocol
from photosketch.evaluation.extractors import extract
from photosketch.evaluation.files import Features, write_features
from photosketch.evaluation.memory import Memory
from photosketch.evaluation.scores import (
    Networks,
    Truth,
    photo_gallery,
    reference_points,
    stack_gray_photos,
    stack_sketches,
    true_identities,
)
from photosketch.evaluation.structure import Structure
from photosketch.jobs import devices, job, run_plan
from photosketch.jobs.progress import Bar
from photosketch.landmarks.mesh import mesh
from photosketch.landmarks.table import read_tables
from photosketch.training.samples import ids_and_subsets

with job.job(snakemake.log[0], snakemake.threads, __file__, snakemake.params.code) as console:
    hp, files, output = snakemake.params.hp, snakemake.input, snakemake.output
    network = FeatureConfig.from_hparams(hp)
    identity, scored_as = hp["identity"], hp["scored_as"]
    networks = Networks.load(hp, files.get("weights"), files.get("lpips", ()))
    device = devices.device_of_job(console, snakemake.config, snakemake.resources)
    networks = networks.to(device)
    manifest = pairs.read_pairs(files.manifest, snakemake.config)
    validation = output.get("validation")
    sets = {}
    for split in ("test", "train", *(["val"] if validation else [])):
        people = pairs.select(manifest, split=split)
        print(f"{network.label}: {len(people)} true {split} sketches on {device}")
        sketches = protocol.true_sketches(people, scored_as)
        with Bar(f"{network.label} of true {split} sketches", len(people), console) as bar:
            features = extract(sketches, networks.features, device, bar=bar)
        sets[split] = Features(*ids_and_subsets(people), features)
    write_features(sets["test"], output.features)
    write_features(sets["train"], output.training)
    if validation:
        write_features(sets["val"], validation)

    test = pairs.select(manifest, split="test")
    tables = read_tables(hp["subsets"], files.landmarks)
    gallery = identities = None
    if networks.faces is not None:
        job.say(f"identity: {len(test)} photos and true sketches on the CPU", console)
        gallery = photo_gallery(test, tables, networks.faces)
        write_features(gallery, output.gallery)
        page_command = run_plan.command(snakemake.config["run"], "annotate")
        identities = true_identities(test, tables, gallery, networks.faces, page_command)
    memory = Memory.of(sets["train"], sets["test"])
    structure = Structure.of(test, tables, mesh)
    known = {"gallery": gallery, "structure": structure, "memory": memory}
    truth = Truth.of(sets["test"], stack_sketches(test), device, **known)
    photos = protocol.as_scored(stack_gray_photos(test), scored_as)
    with Bar("scoring photos in gray", len(test), console) as bar:
        points = reference_points(truth, photos, networks, bar, identities)
    write_table(points, output.references)
