"""The rows of the paper's table: what is trained, on what, by which command."""

from dataclasses import dataclass, replace

WITH_PAIRS, WITHOUT_PAIRS = "A", "B"
VGG = "{vgg}"  # stands for the path of the weights
# At 100 images of 128 x 128 one update of the published networks takes minutes on a CPU.
PAPER_BATCH, PAPER_CIN_BATCH = 8, 4


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Args:
        label: in the table.
        setting: "A", a few pairs, or "B", no pairs.
        script: that trains it.
        flags: of the script.
        cin: key of the CIN-GAN in `CIN_GANS` that synthesises pairs for it, or None.
        trained_as: key of the method whose training this one only restores with; or None.
        as_fast_as: key of a method whose update takes as long; or None.
        times: training time, as a multiple of the table's.
        is_alone: learns from degraded images alone: one network for each task, whatever the table
            has, whose images keep the degraded ones' intensities.
        mirrored: restore as the average over mirror images, whatever the recipe does.
    """

    label: str
    setting: str
    script: str
    flags: tuple[str, ...] = ()
    cin: str | None = None
    trained_as: str | None = None
    as_fast_as: str | None = None
    times: float = 1
    is_alone: bool = False
    mirrored: bool = False


# CARE for minutes, not hours: an eighth of the pixels per update, and a tenth of the updates
# without progress after which the learning rate falls.
_CROPS_OF_64 = ("--batch_size=8", "--patch_size=64")
_CARE_64 = Method("CARE, 8 crops of 64", WITH_PAIRS, "benchmarks.rivals.care",
                  (*_CROPS_OF_64, "--plateau_updates=400"))
_PAPER = ("--recipe=paper", f"--batch_size={PAPER_BATCH}", f"--content_features={VGG}")
_LIMITED = ("--recipe=limited",)
# As when the rows of the first tables were trained, before there were pretrained weights, measured
# defects and a falling share of synthetic pairs.
EARLIER_LIMITED = ("--recipe=limited", "--batch_size=8", "--init_generator=none",
                   "--intensity_jitter=0", "--bounded_updates=False")
_EARLIER = "microgan, limited before pretraining"
_ONLY_SYNTHETIC = ("--alpha=1",)
_CARE_LIMITED = Method("CARE, trained as limited", WITH_PAIRS, "benchmarks.rivals.care", _LIMITED)

METHODS = {
    "care": Method("CARE", WITH_PAIRS, "benchmarks.rivals.care"),
    "care_64": _CARE_64,
    "care_64_mirrored": replace(_CARE_64, label=f"{_CARE_64.label}, mirror images averaged",
                                trained_as="care_64", mirrored=True),
    "care_limited": _CARE_LIMITED,
    # Whether more time would help it.
    "care_long": replace(_CARE_LIMITED, label=f"{_CARE_LIMITED.label}, four times the minutes",
                         as_fast_as="care_limited", times=4),
    "deblurgan": Method("DeblurGAN", WITH_PAIRS, "benchmarks.rivals.deblurgan",
                        (f"--content_features={VGG}",)),
    "pix2pix": Method("pix2pix", WITH_PAIRS, "benchmarks.rivals.pix2pix"),
    "paper": Method(f"microgan, paper, batch {PAPER_BATCH}", WITH_PAIRS, "train_cGAN.py", _PAPER),
    "paper_cin": Method(f"microgan, paper, batch {PAPER_BATCH}, and synthetic pairs", WITH_PAIRS,
                        "train_cGAN.py", _PAPER, "paper"),
    "limited_earlier": Method(_EARLIER, WITH_PAIRS, "train_cGAN.py", EARLIER_LIMITED),
    "limited_earlier_cin": Method(
        f"{_EARLIER}, and synthetic pairs", WITH_PAIRS, "train_cGAN.py",
        (*EARLIER_LIMITED, "--alpha_decay=none"), "limited_earlier"),
    "limited": Method("microgan, limited", WITH_PAIRS, "train_cGAN.py", _LIMITED),
    "limited_cin": Method("microgan, limited, and synthetic pairs", WITH_PAIRS, "train_cGAN.py",
                          _LIMITED, "limited"),
    "n2v": Method("Noise2Void, 8 crops of 64", WITHOUT_PAIRS, "benchmarks.rivals.n2v",
                  ("--batch_size=8",), is_alone=True),
    "cyclegan": Method("CycleGAN", WITHOUT_PAIRS, "benchmarks.rivals.cyclegan"),
    "paper_made": Method(f"microgan, paper, batch {PAPER_BATCH}, synthetic pairs", WITHOUT_PAIRS,
                         "train_cGAN.py", (*_PAPER, *_ONLY_SYNTHETIC), "paper"),
    "limited_earlier_made": Method(
        f"{_EARLIER}, synthetic pairs", WITHOUT_PAIRS, "train_cGAN.py",
        (*EARLIER_LIMITED, *_ONLY_SYNTHETIC), "limited_earlier"),
    "limited_made": Method("microgan, limited, synthetic pairs", WITHOUT_PAIRS, "train_cGAN.py",
                           (*_LIMITED, *_ONLY_SYNTHETIC), "limited"),
}

CIN_GANS = {
    "paper": ("--recipe=paper", f"--batch_size={PAPER_CIN_BATCH}", f"--content_features={VGG}"),
    "limited_earlier": ("--recipe=limited", "--measure_defect=False"),
    "limited": _LIMITED,
}
CIN_SCRIPT = "train_CIN_GAN.py"


def uses_vgg(key):
    """Return whether a method, or the CIN-GAN that serves it, learns from VGG's features."""
    method = METHODS[key]
    return any(VGG in flag for flag in (*method.flags, *CIN_GANS.get(method.cin, ())))


# Keys of the rows of microgan's own recipe: only their differences from rivals are claims.
OURS = tuple(key for key in METHODS if key.startswith("limited"))
# Keys of the rows that are computed, not trained.
RAW = "raw"
LINEAR = "linear"
CLASSICAL = {"gaussian": "Gaussian filter", "nlm": "non-local means",
             "nlm_stabilised": "stabilised non-local means", "bm3d": "BM3D",
             "lucy": "Richardson-Lucy"}
_COMPUTED = {RAW: "raw input", LINEAR: "linear filter of the measured defect", **CLASSICAL}
KEYS = (*_COMPUTED, *METHODS)
# Without the rows of an earlier recipe.
PRESENT = tuple(key for key in KEYS if "earlier" not in key)
LABELS = {**_COMPUTED, **{key: each.label for key, each in METHODS.items()}}
SETTINGS = {**dict.fromkeys(_COMPUTED, WITH_PAIRS),
            **{key: each.setting for key, each in METHODS.items()}}
