"""transformers' pipelines and Trainer, on models that lie in a folder."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hf.tiny_bridges import config
from PIL import Image
from transformers import AutoModelForSemanticSegmentation, Trainer, TrainingArguments, pipeline, set_seed

from swinkit.datasets import DigitScenes
from swinkit.datasets.digit_scenes import CLASSES
from swinkit.hf import (
    SwinkitConfig,
    SwinkitForImageClassification,
    SwinkitImageProcessor,
    SwinTransformerForSegmentation,
)

NAMES = {0: "sky", 1: "road", 2: "tree"}


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8))


def folder_of(model, path, **size) -> str:
    model.save_pretrained(path)
    SwinkitImageProcessor(size=size or {"height": 32, "width": 32}).save_pretrained(path)
    return str(path)


def test_segmentation_answers_a_mask_a_label(picture, tmp_path, caplog):
    torch.manual_seed(0)
    model = SwinTransformerForSegmentation(config(id2label=NAMES))
    torch.nn.init.normal_(model.swinkit.head.classifier.conv.weight)
    with caplog.at_level(logging.ERROR, "transformers"):
        run = pipeline("image-segmentation", model=folder_of(model, tmp_path))
        found = run(picture)
    assert not caplog.records
    assert type(run.model) is SwinTransformerForSegmentation
    masks = np.stack([np.array(one["mask"]) for one in found])
    assert masks.shape[1:] == (50, 70) and set(np.unique(masks)) == {0, 255}
    assert ((masks > 0).sum(0) == 1).all()  # every pixel has one label
    assert {one["label"] for one in found} <= set(NAMES.values()) and len(found) > 1


def test_classification_answers_a_score_a_label(picture, tmp_path, caplog):
    model = SwinkitForImageClassification(config(id2label=NAMES))
    with caplog.at_level(logging.ERROR, "transformers"):
        found = pipeline("image-classification", model=folder_of(model, tmp_path))([picture, picture])
    assert not caplog.records
    assert {one["label"] for one in found[0]} == set(NAMES.values())
    assert sum(one["score"] for one in found[0]) == pytest.approx(1, abs=1e-5)
    assert found[0] == found[1]


@pytest.fixture
def no_datasets(monkeypatch):
    """The folder tests/datasets is on the path, and transformers takes it for the library of that name."""
    monkeypatch.setattr("transformers.trainer.is_datasets_available", lambda: False)


class Scenes(torch.utils.data.Dataset):
    """Digit scenes as a Trainer wants them."""

    def __init__(self, split: str, count: int) -> None:
        self.split, self.count = DigitScenes().open(split), count
        self.processor = SwinkitImageProcessor(do_resize=False)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        record = self.split[index]
        found = self.processor([record.source], [record.target], return_tensors="pt")
        return {"pixel_values": found["pixel_values"][0], "labels": found["labels"][0]}


def test_the_trainer_trains_evaluates_saves_and_goes_on(tmp_path, no_datasets):
    set_seed(0)
    settings = SwinkitConfig.named("swin_nano", width=16, depths=(1, 1, 1), id2label=dict(enumerate(CLASSES)))
    told = {"use_cpu": True, "report_to": [], "disable_tqdm": True, "save_steps": 6, "logging_steps": 6}
    told |= {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2, "learning_rate": 2e-3}

    def trainer(steps: int) -> Trainer:
        arguments = TrainingArguments(output_dir=str(tmp_path), max_steps=steps, warmup_steps=0, **told)
        model = SwinTransformerForSegmentation(settings)
        return Trainer(model=model, args=arguments, train_dataset=Scenes("train", 48), eval_dataset=Scenes("val", 4))

    first = trainer(6)
    before = first.evaluate()["eval_loss"]
    first.train()
    after = first.evaluate()["eval_loss"]
    assert after < 0.8 * before
    stored = AutoModelForSemanticSegmentation.from_pretrained(tmp_path / "checkpoint-6").state_dict()
    assert all(torch.equal(value, stored[name]) for name, value in first.model.state_dict().items())
    second = trainer(8)
    second.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    assert second.state.global_step == 8


def test_accumulated_steps_weigh_as_much_as_one():
    """Trainer is to divide by the number of steps: the model takes its own mean."""
    arguments = TrainingArguments(output_dir="unused", use_cpu=True, report_to=[])
    assert not Trainer(model=SwinTransformerForSegmentation(config()), args=arguments).model_accepts_loss_kwargs
