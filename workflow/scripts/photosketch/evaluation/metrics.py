"""The metrics, by name."""

POOLED = "all"  # the name, in tables, of all subsets together
LOWER_IS_BETTER = ("fid", "kid", "lpips")  # of the other metrics more is better


NAMES = {
    "fid": "FID",
    "kid": "KID ×1000",
    "ssim": "SSIM",
    "fsim": "FSIM",
    "scoot": "SCOOT",
    "lpips": "LPIPS",
    "nlda": "NLDA %",
}
SCALES = {"kid": 1000.0, "nlda": 100.0}


IMAGE_METRICS = ("ssim", "fsim", "scoot", "lpips")
