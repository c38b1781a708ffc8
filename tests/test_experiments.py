"""Every experiment: each of its jobs against the code that it names, none twice, and one table from one command."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from ganinv.config import build, check, plain, read, settings_hash
from ganinv.errors import InputError
from ganinv.paths import CONF

from .running import Command

EXPERIMENTS = sorted({path.stem for path in (CONF / "experiment").glob("*.yaml")} - {"smoke"})
ROWS = sorted(path.stem for path in (CONF / "row").glob("*.yaml"))


def swept(experiment: str) -> dict[str, list[str]]:
    """What the experiment sweeps over: setting -> its values."""
    params = OmegaConf.load(CONF / "experiment" / f"{experiment}.yaml").hydra.sweeper.params
    return {key: [value.strip() for value in str(values).split(",")] for key, values in params.items()}


def jobs(experiment: str) -> list[tuple[str, ...]]:
    """The overrides of each job; real images, which the command must name, lie here."""
    lists = [[f"{key}={value}" for value in values] for key, values in swept(experiment).items()]
    return [tuple("tuner.reals=." if o == "tuner.reals=???" else o for o in job) for job in itertools.product(*lists)]


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights of this machine are found."""
    monkeypatch.setenv("GANINV_HOME", str(tmp_path))


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_job_fits_the_code_and_is_another_setting(experiment: str) -> None:
    cfgs = [read([f"experiment={experiment}", *job]) for job in jobs(experiment)]
    for cfg in cfgs:
        check(cfg)
    assert len({settings_hash(cfg) for cfg in cfgs}) == len(cfgs) > 1
    stops = {plain(cfg)["tuner"].get("target_mse") for cfg in cfgs}
    assert stops == ({None, 0} if experiment == "fidelity" else {None}), "0: where nothing is left to come closer to"


def test_the_published_rows_differ_in_their_terms_alone_and_nothing_stops_them_early() -> None:
    rows = [plain(read(["experiment=ablate_loss", *job])) for job in jobs("ablate_loss")]
    terms = ("reconstruction", "adversarial_local", "adversarial_global", "locality")
    for row in rows:
        assert {row["tuner"][name] for name in ("target_mse", "target_lpips", "max_seconds")} == {None}
        row["loss"] |= dict.fromkeys(terms, 0)
        row["tuner"]["keep"] = "best"
    assert all(row == rows[0] for row in rows) and len(rows) == 6


def test_every_row_is_in_a_table() -> None:
    used = {value for experiment in EXPERIMENTS for value in swept(experiment).get("row", [])}
    assert used == set(ROWS)


def test_the_points_of_the_method_that_are_open_have_an_experiment() -> None:
    assert set(EXPERIMENTS) - {"methods", "fidelity"} == {
        f"ablate_{name}"
        for name in (
            "loss", "probability", "discriminator", "reals", "form", "pyramid", "regulariser", "moves", "start",
            "optimizer", "pull", "weights",
        )
    }  # fmt: skip


def weights(row: str) -> dict[str, float]:
    return {key: value for key, value in plain(read([f"row={row}"]))["loss"].items() if isinstance(value, float | int)}


def test_a_row_leaves_out_what_it_names_and_nothing_else() -> None:
    full = weights("full")
    assert full == {key: value for key, value in plain(read([]))["loss"].items() if isinstance(value, float | int)}
    gone = {
        "without_recon": {"reconstruction"},
        "without_adv_local": {"adversarial_local"},
        "without_adv_global": {"adversarial_global"},
        "without_locality": {"locality"},
        "without_global": {"adversarial_global", "locality"},
    }
    for row, names in gone.items():
        assert weights(row) == full | dict.fromkeys(names, 0), row
    for row in ("plain_l1", "plain_l2", "plain_lpips", "plain_l2_lpips", "pti_beside_global"):
        assert weights(row) | {"locality": full["locality"]} == full, row


def test_a_row_that_does_not_ask_for_the_photo_keeps_its_last_weights() -> None:
    full, own = (plain(read([f"row={name}"]))["tuner"] for name in ("full", "without_recon"))
    assert (full["keep"], own) == ("best", full | {"keep": "last"})


# It goes 30 over the 18 layers of its network, from the photo's w towards a w_z with ψ .5: one sample a step, no noise.
@pytest.mark.parametrize("row", ["pti_regulariser", "pti_beside_global"])
def test_pivotal_tunings_regulariser_samples_as_it_does(row: str) -> None:
    full, own = (plain(read([f"row={name}"]))["tuner"] for name in ("full", row))
    theirs = {
        "locality_batch": 1,
        "near_share": 1,
        "near_radius": pytest.approx(30 / 18**0.5),
        "near_psi": 0.5,
        "noise_share": 0,
    }
    assert {key: own[key] for key in theirs} == theirs
    assert {key for key in own if full.get(key) != own[key]} <= set(theirs)


# Roich et al. 2021: 600 samples, 450 steps in W; then Adam at .0003 on MSE + LPIPS, 350 steps or LPIPS .06.
@pytest.mark.parametrize(("row", "steps", "target"), [("pti", 350, 0.06), ("pti_long", 2300, None)])
def test_pivotal_tuning_has_its_published_constants(row: str, steps: int, target: float | None) -> None:
    cfg = plain(read([f"row={row}"]))
    assert (cfg["inverter"]["space"], cfg["inverter"]["steps"], cfg["inverter"]["num_samples"]) == ("w", 450, 600)
    assert {name for name, weight in weights(row).items() if weight and name != "probability"} == {
        "reconstruction",
        "perceptual",
    }
    tuner = cfg["tuner"]
    assert (tuner["optimizer"], tuner["lr"], tuner["betas"], tuner["pull"]) == ("adam", 0.0003, [0.9, 0.999], 0)
    assert (tuner["steps"], tuner["target_lpips"], tuner["warmup"], tuner["decay"]) == (steps, target, 0, 0)


def test_the_projector_tunes_nothing() -> None:
    cfg = plain(read(["row=projector"]))
    assert cfg["tuner"] == {"_target_": "ganinv.tuner.none.NoTuning"}
    assert (cfg["inverter"]["space"], cfg["inverter"]["steps"], cfg["inverter"]["lpips_weight"]) == ("w+", 1000, 1)


def test_real_images_must_be_named() -> None:
    assert swept("ablate_reals") == {"tuner.reals": ["null", "???"]}
    with pytest.raises(InputError, match="^tuner.reals: must be set; name a folder or zip of real images$"):
        check(read(["experiment=ablate_reals", "tuner.reals=???"]))


def built(row: str) -> DictConfig:
    return build(read([f"row={row}", "generator.path=package:ffhq64.safetensors"]), "loss")


def test_losses_of_the_rows_are_built(shared: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANINV_WEIGHTS", str(shared("weights")))
    pti = built("pti_regulariser")
    assert (pti.locality_pyramid.l2, pti.locality_pyramid.perceptual, pti.weights["locality"]) == (1, 1, 0.1)
    lpips = built("plain_lpips").pyramid
    assert (lpips.l1, lpips.l2, lpips.perceptual, lpips.lpips.network) == (0, 0, 1, "alex")
    assert (built("plain_l1").pyramid.l1, built("plain_l1").pyramid.l2) == (1, 0)


def test_one_command_makes_the_table(command: Command, photos: Path, tmp_path: Path) -> None:
    ended = command("experiment=ablate_loss", f"dataset.path={photos}", "dataset.limit=1", "hydra.sweep.dir=here")
    assert ended.code == 0, ended.err
    lines = (tmp_path / "here" / "table.md").read_text().splitlines()
    names = ["full", "without recon", "without adv local", "without global", "without adv global", "without locality"]
    assert [line.split(" | ")[0].lstrip("| ") for line in lines[2:8]] == names
    assert "Difference to full:" in lines and (tmp_path / "here" / "table.tex").is_file()


def test_one_command_makes_the_table_of_two_datasets(command: Command, photos: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (photos / "carl.png").rename(others / "carl.png")
    both = ("row=full,root,closest", f"dataset.path={photos},{others}")
    ended = command("experiment=fidelity", *both, "dataset.limit=1", "hydra.sweep.dir=here")
    assert ended.code == 0, ended.err
    text = (tmp_path / "here" / "table.md").read_text()
    names = [line.split(" | ")[0].lstrip("| ") for line in text.splitlines() if line.startswith("| ")]
    rows = [f"{row}, dataset.path={name}" for row in ("full", "root", "closest") for name in ("photos", "others")]
    assert names[1:7] == rows and names[8:] == rows[2:], text
    assert "Difference to full, dataset.path=photos or full, dataset.path=others:" in text and "lacks" not in text
