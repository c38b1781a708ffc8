"""What settings become: plain values, parts that are built from them, and hashes that stand for them."""

import pytest
from omegaconf import OmegaConf

from ganinv.config import build, metric_hash, plain, read, settings_hash
from ganinv.errors import InputError


def test_a_constructor_that_refuses_its_values_is_told_by_its_key() -> None:
    cfg = OmegaConf.create({"dataset": {"_target_": "ganinv.config.Device", "value": "tpu"}})
    with pytest.raises(InputError, match="^dataset: 'tpu' is not a valid Device"):
        build(cfg, "dataset")


def test_build_hands_over_plain_containers_and_parts_as_they_are() -> None:
    part = object()
    cfg = OmegaConf.create({"node": {"_target_": "builtins.dict", "a": [1, {"b": 2}]}, "none": None})
    built = build(cfg, "node", part=part)
    assert type(built["a"]) is list and type(built["a"][1]) is dict
    assert built["part"] is part
    assert build(cfg, "none") == {}


def test_build_makes_each_entry_of_a_mapping() -> None:
    cfg = OmegaConf.create({"all": {"a": {"_target_": "builtins.int"}, "b": None}})
    assert build(cfg, "all") == {"a": 0}


def test_the_hash_stands_for_what_alters_a_photo() -> None:
    base = settings_hash(read([]))
    assert base == settings_hash(read([])) and len(base) == 10
    for same in (
        "+dataset.networks=[ffhq1024]",
        "logger=none",
        "report.rows=3",
        "folder=x",
        "dataset.limit=3",
        "dataset.num_shards=2",
        "metric.reconstruction.lpips=vgg",
        "+dataset.score_size=8",
    ):
        assert settings_hash(read([same])) == base, same
    for other in ("seed=1", "tuner.steps=3", "dataset.path=."):
        assert settings_hash(read([other])) != base, other


def test_the_hash_of_metrics_stands_for_what_is_measured() -> None:
    base = metric_hash(read([]))
    assert base == metric_hash(read(["seed=1", "tuner.steps=3"])) and len(base) == 10
    assert (
        metric_hash(read(["metric.reconstruction.lpips=vgg"])) != base != metric_hash(read(["+dataset.score_size=8"]))
    )


def test_settings_are_plain_values() -> None:
    tree = plain(read(["device=cpu"]))
    assert tree["device"] == "cpu" and "hydra" not in tree
