"""Our finders beside the published code, imported from clones of it: the largest differences on the same weights.

    python benchmarks/parity.py --sefa sefa/ --ganspace ganspace/ --interfacegan interfacegan/

A part without its clone is left out. SeFa: `factorize_weight` on its own StyleGAN2 with our style affines, matched by
that network's table of TensorFlow's names. GANSpace: the whole of `compute`, handed the w that ours draws.
InterFaceGAN: `project_boundary`; `train_boundary` on points so often repeated that any random split has each, and ten
times on scored samples, beside theirs with the next seed, since each code splits in its own way. Weights are random at
64 pixels, or those of --prior. What the clones import and nothing here calls need not be installed.
"""

import argparse
import importlib
import io
import logging
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import numpy as np
import torch
from command import ended
from torch import Tensor, nn

from ganinv.edit.ganspace import SPREAD_SAMPLES, principal
from ganinv.edit.interfacegan import project_out, separate
from ganinv.edit.samples import draw, stream
from ganinv.edit.sefa import factorise
from ganinv.errors import InputError
from ganinv.generator import stylegan2
from ganinv.generator.build import build_generator
from ganinv.generator.checkpoint import load_prior

RANDOM = {"z_dim": 128, "w_dim": 128, "img_resolution": 64, "channel_base": 2048, "channel_max": 128}
LAYERS = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb"}  # TensorFlow's names and ours
EMPTY = {"cv2": (), "fbpca": (), "models": ("get_instrumented_model",), "netdissect.nethook": ("InstrumentedModel",)}
BATCH = 1000  # w that GANSpace's code asks for at a time
ENDS, COPIES, SPLITS = 64, 40, 10  # points on each side, how often each is there, seeds

log = logging.getLogger("parity")


def imported(folder: Path, module: str, *, empty: tuple[str, ...] = ()) -> ModuleType:
    """`module` of a clone, with nothing in the `empty` ones. InputError: no such clone, or it lacks others."""
    if not (folder / f"{module.replace('.', '/')}.py").is_file():
        raise InputError(f"{str(folder)!r} has no {module.replace('.', '/')}.py; name a clone of the published code")
    sys.path.insert(0, str(folder.resolve()))
    for name in empty:
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(dict.fromkeys(EMPTY.get(name, ())))
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"{str(folder)!r} cannot be imported ({error}); install what it lacks") from error
    finally:
        sys.path.pop(0)
        forget(folder.resolve(), empty)


def forget(folder: Path, empty: tuple[str, ...]) -> None:
    """The next clone has modules of the same names."""
    for name, module in list(sys.modules.items()):
        if name in empty or folder in Path(getattr(module, "__file__", None) or "/").parents:
            del sys.modules[name]


def report(part: str, **differences: float) -> None:
    """One line, a figure for each difference."""
    log.info("%s: %s", part, ", ".join(f"{name.replace('_', ' ')} {value:.2g}" for name, value in differences.items()))


def apart(ours: Tensor, theirs: np.ndarray, *, signed: bool = False) -> dict[str, float]:
    """Of unit rows, up to their sign unless `signed`: the largest 1 - cosine, and difference of an entry."""
    a, b = (rows / rows.norm(dim=1, keepdim=True) for rows in (ours.double(), torch.from_numpy(theirs).double()))
    a = a if signed else a * (a * b).sum(dim=1, keepdim=True).sign()
    return {"1_-_cosine": float((a - b).square().sum(dim=1).max() / 2), "entry": float((a - b).abs().max())}


def sefa(folder: Path, generator: stylegan2.Generator) -> None:
    """All eigenvalues, as shares of the largest, and vectors; theirs come in no order."""
    code, count = imported(folder, "utils", empty=("cv2",)), generator.num_ws
    peer = sefa_generator(code, generator)
    for first, end in ((0, count), (0, count // 2), (count // 2, count)):
        values, vectors = factorise(generator, layers=(first, end))
        _, rows, theirs = code.factorize_weight(peer, f"{first}-{end - 1}")
        order = np.argsort(-theirs)
        off = np.abs(values.numpy() - theirs[order]).max() / float(values[0])
        report(f"SeFa, layers {first} to {end - 1}", eigenvalue=float(off), **apart(vectors, rows[order]))


def sefa_generator(code: ModuleType, generator: stylegan2.Generator) -> nn.Module:
    """Their StyleGAN2 with the weights of our style affines."""
    ours, side = generator.synthesis.state_dict(), generator.img_resolution
    first, last = (len(ours[f"b{resolution}.conv1.affine.weight"]) for resolution in (4, side))
    widths = {"fmaps_base": last * side, "fmaps_max": first}
    peer = code.build_generator("stylegan2", side, w_space_dim=generator.w_dim, **widths)
    theirs = peer.state_dict()
    for name, published in peer.pth_to_tf_var_mapping.items():
        if name.endswith("style.weight"):
            resolution, layer, _ = published.split("/")
            theirs[name].copy_(ours[f"b{resolution.split('x')[0]}.{LAYERS[layer]}.affine.weight"])
    return peer


class Instrumented:
    """What GANSpace's `compute` asks of a network and of the hooks around it; its w are those that ours draws."""

    def __init__(self, generator: stylegan2.Generator, *, count: int, seed: int) -> None:
        self.model, self.w_dim = self, generator.w_dim
        self.parts = stream(generator, count=count, seed=seed, chunk=BATCH)
        self.spread = draw(generator, count=SPREAD_SAMPLES, seed=seed + 1, psi=1).w
        self.features = {"style": self.spread[:1]}  # it asks for the shape first
        self.get_latent_shape, self.get_latent_dims = lambda: (1, self.w_dim), lambda: self.w_dim
        self.latent_space_name, self.retained_features = lambda: "W", lambda: self.features
        self.use_w = self.remove_edits = self.retain_layer = self.set_output_class = lambda *_: None
        self.partial_forward = lambda w, layer: None

    def sample_latent(self, n_samples: int) -> Tensor:
        return next(self.parts)[1] if n_samples == BATCH else self.spread[:n_samples]


def ganspace(folder: Path, generator: stylegan2.Generator, *, samples: int, components: int, seed: int = 1) -> None:
    """Components, mean and deviations; the mean as a share of the smallest deviation, these of theirs."""
    code = imported(folder, "decomposition", empty=("fbpca", "models", "netdissect", "netdissect.nethook"))
    config = code.Config(layer="style", n=samples, components=components, use_w=True, batch_size=BATCH)
    network = Instrumented(generator, count=samples + 3 * max(BATCH, 3 * components, 2000), seed=seed)
    with TemporaryDirectory() as place, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code.compute(config, Path(place) / "found.npz", network)
        theirs = dict(np.load(Path(place) / "found.npz"))
    ours = principal(generator, samples=samples, components=components, seed=seed)
    mean = np.abs(ours.mean.numpy() - theirs["lat_mean"].ravel()).max() / theirs["lat_stdev"].min()
    deviation = np.abs(ours.spread.numpy() / theirs["lat_stdev"] - 1).max()
    vectors = apart(ours.vectors, theirs["lat_comp"][:, 0])
    report(f"GANSpace, {components} of {samples:,} w", **vectors, mean=float(mean), deviation=float(deviation))


def interfacegan(folder: Path, generator: stylegan2.Generator) -> None:
    """The normal, by scores that rise along a random direction with noise; and what is left of it beside others."""
    code, random = imported(folder, "utils.manipulator"), torch.Generator().manual_seed(0)
    code.np.int = int  # numpy has it no more
    w = draw(generator, count=10_000, seed=0, psi=1).w
    along = w @ torch.randn(len(w[0]), generator=random)
    scores = along + 0.3 * along.std() * torch.randn(len(w), generator=random)
    order = scores.argsort()
    ends = torch.cat([order[:ENDS], order[-ENDS:]]).repeat(COPIES)
    ours, theirs = normals(code, w[ends], scores[ends], share=0.5)
    report(f"InterFaceGAN, {2 * ENDS} points, all in each split", **apart(ours, theirs, signed=True))
    ours, theirs = normals(code, w, scores, share=0.02)
    again = apart(torch.from_numpy(theirs), np.roll(theirs, 1, axis=0), signed=True)["1_-_cosine"]
    report("InterFaceGAN, scored samples", **apart(ours, theirs, signed=True), theirs_with_the_next_seed=again)
    for count in (1, 2, 3):
        others = list(torch.nn.functional.normalize(torch.randn(count, len(w[0]), generator=random)))
        left = code.project_boundary(theirs[:1], *(other[None].numpy() for other in others))
        projected = project_out(torch.from_numpy(theirs[0]), others, name="parity")
        report(f"InterFaceGAN, {count} projected out", **apart(projected[None], left, signed=True))


def normals(code: ModuleType, points: Tensor, scores: Tensor, *, share: float) -> tuple[Tensor, np.ndarray]:
    """Ours and theirs at SPLITS seeds, [SPLITS, D]."""
    quiet = logging.Logger("published", logging.WARNING)
    given = {"scores": scores[:, None].numpy(), "chosen_num_or_ratio": share, "logger": quiet}
    ours, theirs = [], []
    for seed in range(SPLITS):
        np.random.seed(seed)
        theirs.append(code.train_boundary(points.numpy(), **given)[0])
        ours.append(separate(points, scores, share=share, seed=seed, name="parity").normal)
    return torch.stack(ours), np.stack(theirs)


def compare(arguments: argparse.Namespace) -> None:
    """Each part that has its clone."""
    torch.manual_seed(0)
    generator = load_prior(arguments.prior).generator if arguments.prior else build_generator(RANDOM)
    if not isinstance(generator, stylegan2.Generator):
        raise InputError(f"--prior: {arguments.prior} is no StyleGAN2, of which alone SeFa's code has a network")
    size = {"samples": arguments.samples, "components": arguments.components}
    for part, settings in ((sefa, {}), (ganspace, size), (interfacegan, {})):
        if folder := getattr(arguments, part.__name__):
            part(folder, generator, **settings)
        else:
            log.info("left out: --%s names no clone", part.__name__)


def main() -> int:
    """The exit code is 1 after a mistake."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sefa", type=Path, help="clone of https://github.com/genforce/sefa")
    parser.add_argument("--ganspace", type=Path, help="clone of https://github.com/harskish/ganspace")
    parser.add_argument("--interfacegan", type=Path, help="clone of https://github.com/genforce/interfacegan")
    parser.add_argument("--prior", default="", help="a StyleGAN2 whose weights take the place of random ones")
    parser.add_argument("--samples", type=int, default=300_000, help="of GANSpace; a multiple of 2,000")
    parser.add_argument("--components", type=int, default=80, help="of GANSpace")
    return ended(lambda: compare(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
