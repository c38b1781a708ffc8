"""Files that their authors keep on Google Drive: converted networks, and encoders with the network that they are for.

Addresses are those that the authors' own pages link; sizes and hashes are what public mirrors record, of e4e's faces
two of them alike. An encoder's file holds its generator too, so that `generator.path` takes it as well.
"""

from typing import Any

from .entry import AFHQ_LICENCE, FFHQ_LICENCE, NVIDIA, Entry


def _drive(file: str, identity: str, what: str, licence: str, sha256: str = "", **size: Any) -> Entry:
    """Google Drive may answer with a page that asks back, or that the day's quota is used up."""
    return Entry(
        file=file,
        url=f"https://drive.google.com/uc?export=download&confirm=t&id={identity}",
        page=f"https://drive.google.com/file/d/{identity}/view",
        what=what,
        licence=licence,
        sha256=sha256,
        **size,
    )


def _converted(
    file: str, identity: str, what: str, licence: str, sha256: str = "", *, size: int | None = None
) -> Entry:
    return _drive(file, identity, f"{what} (rosinality)", licence, sha256, size=size)


def _encoder(name: str, identity: str, what: str, licence: str, sha256: str = "", **size: Any) -> Entry:
    return _drive(f"{name}.pt", identity, f"{what}, with its generator", f"encoder: MIT; {licence}", sha256, **size)


CONVERTED = {
    "ffhq1024_rosinality": _converted(
        "stylegan2-ffhq-config-f.pt",
        "1EM87UquaoQmk17Q8d5kYIAHqu0dkYqdT",
        "FFHQ faces at 1024 pixels, with its discriminator",
        FFHQ_LICENCE,
        "bae494ef77e32a9cd1792a81a3c167692a0e64f6bcd8b06592ff42917e2ed46e",
        size=381_462_551,
    ),
    "lsun_car_rosinality": _converted(
        "stylegan2-car-config-f.pt", "1UmMHHB3DU1trTB8_9Fjkck5ZwArnD81B", "cars (LSUN), 512 x 384 in 512 pixels", NVIDIA
    ),
    "lsun_church_rosinality": _converted(
        "stylegan2-church-config-f.pt", "1ZSZOFtw5wZfPhWEzHFB9LI__bikaHsn6", "churches (LSUN) at 256 pixels", NVIDIA
    ),
    "lsun_horse_rosinality": _converted(
        "stylegan2-horse-config-f.pt", "1bM7ms1tWCucnySjiS6-NNrPJGDkqQQWi", "horses (LSUN) at 256 pixels", NVIDIA
    ),
    "afhq_wild_rosinality": _converted(
        "afhqwild.pt", "1z6IVVaCJuFTksKwp1CM3emWOVHbrBip-", "wild animals' faces (AFHQ) at 512 pixels", AFHQ_LICENCE
    ),
    "toonify_rosinality": _converted(
        "ffhq_cartoon_blended.pt", "1r3XVCt_WYUKFZFxhNH-xO2dTtF6B5szu", "cartoon faces at 1024 pixels", FFHQ_LICENCE
    ),
    "ffhq256_rosinality": Entry(
        file="550000.pt",
        url="https://drive.google.com/open?id=1PQutd-JboOCOZqmd95XWxWrO8gGEvRcO",
        page="https://drive.google.com/open?id=1PQutd-JboOCOZqmd95XWxWrO8gGEvRcO (a folder)",
        what="FFHQ faces at 256 pixels, trained by rosinality",
        licence="MIT; FFHQ's images: CC BY-NC-SA 4.0",
    ),
}

ENCODERS = {
    "e4e_ffhq": _encoder(
        "e4e_ffhq_encode",
        "1cUv_reLE6k3604or78EranS7XzuVMWeO",
        "e4e of FFHQ faces at 1024 pixels",
        FFHQ_LICENCE,
        "2ace1d9a8c05c10a399bcd500b8dda118f759ff1aac89dbdab7435f2136a0999",
        size=1_201_649_680,
    ),
    "e4e_cars": _encoder(
        "e4e_cars_encode",
        "17faPqBce2m1AQeLCLHUVXaDfxMRU2QcV",
        "e4e of cars (LSUN)",
        NVIDIA,
        "f1743d4a9fe701643916062d7c40a4ec3d5daaa153de1ef941285d3ed3758330",
        size=1_077_493_298,
    ),
    "e4e_horse": _encoder(
        "e4e_horse_encode",
        "1TkLLnuX86B_BMo2ocYD0kX9kWh53rUVX",
        "e4e of horses (LSUN)",
        NVIDIA,
        "bfcd7ac19571fab277d933d3133a1249d89f49ba948cfcc399ea271201f5c95f",
        size=959_033_364,
    ),
    "e4e_church": _encoder(
        "e4e_church_encode",
        "1-L0ZdnQLwtdy6-A_Ccgq5uNJGTqE7qBa",
        "e4e of churches (LSUN)",
        NVIDIA,
        "590f00e84b6461ba05467f7b0c705972f0ed729f4e399d3e21bfdb1b781e1c93",
        size=959_033_364,
    ),
    "e4e_ffhq_pti": _encoder(
        "e4e_ffhq_pti", "1ALC5CLA89Ouw40TwvxcwebhzWXM5YSCm", "e4e of FFHQ faces, as PTI has it", FFHQ_LICENCE
    ),
    "psp_ffhq": _encoder(
        "psp_ffhq_encode",
        "1bMTNWkh5LArlaWSc_wa8VKyq2V42T2z0",
        "pSp of FFHQ faces at 1024 pixels",
        FFHQ_LICENCE,
        "f786ac5cf18fcdbc5c57c9f3f12cbedca69381fbdf5694dd132294e3133749d7",
        roughly=1200,
    ),
    "restyle_psp_ffhq": _encoder(
        "restyle_psp_ffhq", "1sw6I2lRIB0MpuJkpc8F5BJiSZrc0hjfE", "ReStyle over pSp of FFHQ faces", FFHQ_LICENCE
    ),
    "restyle_psp_cars": _encoder(
        "restyle_psp_cars", "1zJHqHRQ8NOnVohVVCGbeYMMr6PDhRpPR", "ReStyle over pSp of cars (LSUN)", NVIDIA
    ),
    "restyle_psp_church": _encoder(
        "restyle_psp_church", "1bcxx7mw-1z7dzbJI_z7oGpWG1oQAvMaD", "ReStyle over pSp of churches (LSUN)", NVIDIA
    ),
    "restyle_psp_afhq_wild": _encoder(
        "restyle_psp_afhq_wild", "1GyFXVTNDUw3IIGHmGS71ChhJ1Rmslhk7", "ReStyle over pSp of wild animals", AFHQ_LICENCE
    ),
    "restyle_e4e_ffhq": _encoder(
        "restyle_e4e_ffhq",
        "1e2oXVeBPXMQoUoC_4TNwAWpOPpSEhE_e",
        "ReStyle over e4e of FFHQ faces",
        FFHQ_LICENCE,
        "89afa8b3255be61425714397be11f07b34312d76ea22382ecf80001da617da5b",
        roughly=809,
    ),
    "restyle_e4e_cars": _encoder(
        "restyle_e4e_cars", "1v6Yi-Yne6JX0Pyas6XPS83IzKKUvCe8r", "ReStyle over e4e of cars (LSUN)", NVIDIA
    ),
    "restyle_e4e_church": _encoder(
        "restyle_e4e_church", "1sCRzbM1fGTgTbWO87jP_rxApw-tS0CH_", "ReStyle over e4e of churches (LSUN)", NVIDIA
    ),
    "restyle_e4e_afhq_wild": _encoder(
        "restyle_e4e_afhq_wild", "1HQlUPKirShHyL3kGnwVRjhfcb-j9s4V3", "ReStyle over e4e of wild animals", AFHQ_LICENCE
    ),
    "restyle_e4e_horse": _encoder(
        "restyle_e4e_horse", "19_sUpTYtJmhSAolKLm3VgI-ptYqd-hgY", "ReStyle over e4e of horses (LSUN)", NVIDIA
    ),
}
