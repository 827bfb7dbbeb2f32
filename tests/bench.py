"""`make bench`: every measurement in one run, printed and written to results/bench.json.

Machines are shared and noisy: read the ratios within this run, not the times.
"""

import json
import sys
from pathlib import Path

import torch

import bench_detection
import bench_distances
import bench_draw
import bench_evaluation
import bench_training
import bench_verdicts
import bench_warp
import bench_workflow

RESULT = Path("results/bench.json")


def main() -> None:
    results: dict[str, object] = {}
    print("Detection: batches against one call an image")
    results["detection"] = bench_detection.main()
    print("\nWarp: kinds of maps on generated pairs whose true map is known")
    results["warp"] = bench_warp.main()
    # on a CPU a part of the images is enough: the command line takes minutes a call
    share = 1.0 if torch.cuda.is_available() else 0.3
    print(f"\nEvaluation of one checkpoint against pytorch-fid's command line, {share:.0%} of CUFS")
    results["evaluation"] = bench_evaluation.main(share)
    print("\nFID and KID of paired people, simulated")
    results["distances"] = bench_distances.main()
    print("\nVerdicts where nothing is true")
    results["verdicts"] = bench_verdicts.main()
    print("\nDrawing people's own photos")
    results["draw"] = bench_draw.main()
    print("\nSnakemake itself with many ablations")
    results["workflow"] = bench_workflow.main()
    print("\nTraining: each switch against plain eager fp32")
    results["training"] = bench_training.main(sys.argv[1:])
    RESULT.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {RESULT}")


if __name__ == "__main__":
    main()
