"""Published files of weights by name: address, size, SHA-256, licence.

NVIDIA states no hashes for its networks. Those below are what public mirrors of the same files record, sizes in bytes
too; for FFHQ at 1024 pixels and its conversion, LSUN cat among others, two mirrors agree. Where no mirror was found the
hash is empty: the first download is then recorded, and later ones are compared with it.
"""

from pathlib import Path

from .drive import CONVERTED, ENCODERS
from .entry import AFHQ_LICENCE, FFHQ_LICENCE, METFACES_LICENCE, NVIDIA, Entry

__all__ = ["TABLE", "Entry"]

TORCHVISION = "https://download.pytorch.org/models/"
ADA = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/"
STYLEGAN2_TF = "https://nvlabs-fi-cdn.nvidia.com/stylegan2/networks/"
STYLEGAN2 = "https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan2/versions/1/files/"
STYLEGAN3 = "https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan3/versions/1/files/"
FIDELITY = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"


def _torchvision(file: str, roughly: int, what: str) -> Entry:
    """torchvision publishes the first eight digits of the SHA-256, as the end of the file's name."""
    return _by_name(TORCHVISION, file, roughly, what, "BSD-3-Clause")


def _by_name(base: str, file: str, roughly: int, what: str, licence: str) -> Entry:
    digits = Path(file).stem.rsplit("-", 1)[1]
    known = {"sha256": digits, "hash_from": "publisher", "roughly": roughly}
    return Entry(file=file, url=base + file, what=what, licence=licence, **known)


def _nvidia(
    url: str, what: str, licence: str, sha256: str = "", *, size: int | None = None, roughly: int | None = None
) -> Entry:
    file = url.rsplit("/", 1)[1]
    return Entry(file=file, url=url, what=what, licence=licence, sha256=sha256, size=size, roughly=roughly)


def _tf(domain: str, what: str, sha256: str, size: int, licence: str = NVIDIA) -> Entry:
    url = f"{STYLEGAN2_TF}stylegan2-{domain}-config-f.pkl"
    return _nvidia(url, f"{what}, StyleGAN2 (TensorFlow)", licence, sha256, size=size)


def _stylegan3(kind: str, data: str, what: str, licence: str) -> Entry:
    url = f"{STYLEGAN3}stylegan3-{kind}-{data}.pkl"
    return _nvidia(url, f"{what}, StyleGAN3-{kind.upper()}", licence)


FACES = {
    "ffhq1024": _nvidia(
        f"{ADA}ffhq.pkl",
        "FFHQ faces at 1024 pixels, StyleGAN2, with its discriminator",
        FFHQ_LICENCE,
        "a205a346e86a9ddaae702e118097d014b7b8bd719491396a162cca438f2f524c",
        size=381_624_121,
    ),
    "ffhq512": _nvidia(
        f"{STYLEGAN2}stylegan2-ffhq-512x512.pkl",
        "FFHQ faces at 512 pixels, StyleGAN2",
        FFHQ_LICENCE,
        "d2b1c92f41ce8a64c55f7a75ef06c4c0eef9e17b1eb29aae8c10fb37b3e60478",
        roughly=364,
    ),
    "ffhq256": _nvidia(f"{STYLEGAN2}stylegan2-ffhq-256x256.pkl", "FFHQ faces at 256 pixels, StyleGAN2", FFHQ_LICENCE),
    "ffhq1024_catalogue": _nvidia(
        f"{STYLEGAN2}stylegan2-ffhq-1024x1024.pkl",
        "FFHQ faces at 1024 pixels, StyleGAN2, of NVIDIA's catalogue",
        FFHQ_LICENCE,
        "5288b53ad77fd754568efed10275e88acbd27b85d74ad45df54704e127bb55d0",
        size=381_601_496,
    ),
    "ffhq1024_tf": _tf(
        "ffhq",
        "FFHQ faces at 1024 pixels",
        "adf127ea7bb8a7788c8bdeda3c9937f7310b669b09ecf799ca53a631ff46948d",
        381_673_535,
        FFHQ_LICENCE,
    ),
    "celeba_hq256": _nvidia(
        f"{STYLEGAN2}stylegan2-celebahq-256x256.pkl",
        "CelebA-HQ faces at 256 pixels, StyleGAN2",
        f"{NVIDIA}; CelebA-HQ's images: non-commercial research",
    ),
    "metfaces": _nvidia(
        f"{ADA}metfaces.pkl",
        "faces in art (MetFaces) at 1024 pixels, StyleGAN2-ADA",
        METFACES_LICENCE,
        "880a460d011a3696c088f58f5844b44271b17903963f2671f96f72dfbce5f76f",
        roughly=382,
    ),
}

ANIMALS = {
    "afhq_wild": _nvidia(
        f"{ADA}afhqwild.pkl", "wild animals' faces (AFHQ) at 512 pixels, StyleGAN2-ADA", AFHQ_LICENCE, roughly=364
    ),
    "afhq_cat": _nvidia(
        f"{STYLEGAN2}stylegan2-afhqcat-512x512.pkl",
        "cats' faces (AFHQ) at 512 pixels, StyleGAN2-ADA",
        AFHQ_LICENCE,
        "17a83abee464242f8bb40dc6363d33c2fb087066b68fc0147677fdbf21f7a7a9",
        roughly=364,
    ),
    "afhq_dog": _nvidia(
        f"{ADA}afhqdog.pkl",
        "dogs' faces (AFHQ) at 512 pixels, StyleGAN2-ADA",
        AFHQ_LICENCE,
        "f124ff3f23206052473a7212cbc1f4e095a73c231500411e9c3b81a11eac3662",
        roughly=364,
    ),
    "lsun_horse": _tf(
        "horse",
        "horses (LSUN) at 256 pixels",
        "cbc73372c7d82d095913ca8b4b9f170560777175bd7c3b8a75dd55d70807f32b",
        357_418_027,
    ),
    "lsun_cat": _tf(
        "cat",
        "cats (LSUN) at 256 pixels",
        "08940fd616cfaf6bc7b0286b5d1a0b3f70febb26e136d64716c8d3f5e9bd3883",
        357_418_027,
    ),
}

THINGS = {
    "lsun_car": _tf(
        "car",
        "cars (LSUN), 512 x 384 in 512 pixels",
        "e1618eee2b3ce87c4a3849442f7850ef12a478556bff035c8e09ee7e23b3794c",
        364_027_523,
    ),
    "lsun_church": _tf(
        "church",
        "churches (LSUN) at 256 pixels",
        "4090c5f83b44b83475c84864188aa39a0fb72694492302b7e6af36aad0d18104",
        357_418_027,
    ),
    "brecahad": _nvidia(
        f"{ADA}brecahad.pkl",
        "breast tissue (BreCaHAD) at 512 pixels, StyleGAN2-ADA",
        f"{NVIDIA}; BreCaHAD's images: CC BY 4.0",
        "f9f0c2766187aff4c3424c4a5a67d52c503672f28cf08eab645382523b7a5161",
        roughly=364,
    ),
    "cifar10": _nvidia(
        f"{ADA}cifar10.pkl",
        "CIFAR-10 at 32 pixels, ten labels, StyleGAN2-ADA",
        NVIDIA,
        "f8952c74e23da2186d147ad871c48780bd59500ee37c301201081ee8e0cb32f1",
        roughly=246,
    ),
}

STYLEGAN3_DATA = {
    "ffhq1024": ("ffhq-1024x1024", "FFHQ faces at 1024 pixels", FFHQ_LICENCE),
    "ffhqu1024": ("ffhqu-1024x1024", "unaligned FFHQ faces at 1024 pixels", FFHQ_LICENCE),
    "ffhqu256": ("ffhqu-256x256", "unaligned FFHQ faces at 256 pixels", FFHQ_LICENCE),
    "metfaces": ("metfaces-1024x1024", "faces in art (MetFaces) at 1024 pixels", METFACES_LICENCE),
    "metfacesu": ("metfacesu-1024x1024", "unaligned faces in art (MetFaces) at 1024 pixels", METFACES_LICENCE),
    "afhqv2": ("afhqv2-512x512", "animals' faces (AFHQv2) at 512 pixels", AFHQ_LICENCE),
}

NETWORKS = {
    **(FACES | ANIMALS | THINGS),
    **{f"stylegan3_{kind}_{name}": _stylegan3(kind, *data) for kind in "tr" for name, data in STYLEGAN3_DATA.items()},
    **CONVERTED,
}

FEATURES = {
    "lpips_alexnet_features": _torchvision("alexnet-owt-7be5be79.pth", 244, "AlexNet, the trunk of LPIPS (alex)"),
    "lpips_squeezenet1_1_features": _torchvision(
        "squeezenet1_1-b8a52dc0.pth", 5, "SqueezeNet 1.1, the trunk of LPIPS (squeeze)"
    ),
    "lpips_vgg16_features": _torchvision("vgg16-397923af.pth", 553, "VGG-16, the trunk of LPIPS (vgg)"),
    "inception": _by_name(
        FIDELITY, "weights-inception-2015-12-05-6726825d.pth", 96, "Inception v3 of 2015, for FID", "Apache-2.0"
    ),
}

TABLE: dict[str, Entry] = {**NETWORKS, **ENCODERS, **FEATURES}
