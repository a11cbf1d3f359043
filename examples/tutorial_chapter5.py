"""Chapter 5 of the tutorial, made to run: train a segmenter with the tutorial's own class names, and measure it.

What was corrected, and why:
- The labels are the masks that belong to the pictures. With random labels there is nothing to learn: the loss cannot
  fall below the logarithm of the number of classes, and the mean IoU on other data stays at chance.
- transformers has no `SwinTransformerFeatureExtractor` and no `SwinTransformerForSegmentation`. They come from
  `swinkit.hf` and are real classes of its kinds, so `save_pretrained`, `Trainer` and `pipeline` work with them.
- The model answers at the size of the picture and takes its own loss there; pixels with the id 255 have no label.
- Mean IoU comes from one confusion matrix over the whole split. A mean of the batches' values would change with the
  batch size, since most batches lack some class.
- Training, validation (every epoch) and test (once, at the end) share no digit, and test no background with the others.

    python examples/tutorial_chapter5.py --epochs 5 --scenes 4000
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from swinkit.datasets import DigitScenes
from swinkit.files import UserError
from swinkit.hf import SwinkitConfig, SwinTransformerFeatureExtractor, SwinTransformerForSegmentation
from swinkit.metrics import MeanIou
from swinkit.types import Dataset as Records

IGNORED = 255


class SceneDataset(Dataset[dict[str, torch.Tensor]]):
    """Pictures and their masks, ready for the model."""

    def __init__(self, records: Records, feature_extractor: SwinTransformerFeatureExtractor) -> None:
        self.records, self.feature_extractor = records, feature_extractor

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        record = self.records[index]
        ready = self.feature_extractor([record.source], [record.target], return_tensors="pt")
        return {"pixel_values": ready["pixel_values"][0], "labels": ready["labels"][0]}


def train_epoch(
    model: SwinTransformerForSegmentation, loader: DataLoader, optimizer: torch.optim.Optimizer, device: torch.device
) -> float:
    """One pass over the training data; the mean loss of its steps."""
    model.train()
    total, bar = 0.0, tqdm(loader, desc="training", leave=False)
    for batch in bar:
        batch = {name: value.to(device) for name, value in batch.items()}
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    return total / len(loader)


@torch.no_grad()
def evaluate(
    model: SwinTransformerForSegmentation, loader: DataLoader, classes: tuple[str, ...], device: torch.device
) -> dict[str, float]:
    """Mean IoU and pixel accuracy over everything that the loader has."""
    model.eval()
    metric = MeanIou(classes, (IGNORED,))
    for batch in tqdm(loader, desc="evaluating", leave=False):
        predicted = model(pixel_values=batch["pixel_values"].to(device)).logits.argmax(1).cpu()
        for labels, truth in zip(predicted, batch["labels"], strict=True):
            metric.count(labels, truth)
    return metric.result()


def run(options: argparse.Namespace) -> None:
    """Train for some epochs, measure after each, test the last."""
    torch.manual_seed(options.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    scenes = DigitScenes(counts=(options.scenes, max(1, options.scenes // 10), max(1, options.scenes // 10)))
    splits = {name: scenes.open(name) for name in scenes.splits()}
    classes = splits["train"].classes
    feature_extractor = SwinTransformerFeatureExtractor(do_resize=False)  # the scenes have one size, and any is served
    loaders = {
        name: DataLoader(SceneDataset(split, feature_extractor), batch_size=options.batch, shuffle=name == "train")
        for name, split in splits.items()
    }
    config = SwinkitConfig.named(options.model, id2label=dict(enumerate(classes)), semantic_loss_ignore_index=IGNORED)
    model = SwinTransformerForSegmentation(config).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.rate)
    for epoch in range(options.epochs):
        loss = train_epoch(model, loaders["train"], optimizer, device)
        figures = evaluate(model, loaders["val"], classes, device)
        print(f"epoch {epoch + 1}/{options.epochs}  loss {loss:.4f}  validation mean IoU {figures['miou']:.4f}")
    figures = evaluate(model, loaders["test"], classes, device)
    print(f"test  mean IoU {figures['miou']:.4f}  pixel accuracy {figures['pixel_accuracy']:.4f}")
    if options.out:
        model.save_pretrained(options.out)
        feature_extractor.save_pretrained(options.out)
        print(f"saved: {options.out}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-4, help="learning rate of AdamW")
    parser.add_argument("--scenes", type=int, default=4000, help="for training; a tenth of it for validation and test")
    parser.add_argument("--model", default="swin_nano", help="a named size of rank 2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the trained model, as transformers keeps it")
    try:
        run(parser.parse_args())
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
