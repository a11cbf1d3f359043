"""Pictures to `pixel_values` and logits back to label maps, with numpy and Pillow alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor
from transformers.image_processing_backends import PilBackend
from transformers.image_processing_base import BatchFeature
from transformers.image_utils import ImageInput, PILImageResampling
from transformers.processing_utils import ImagesKwargs
from transformers.utils.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

from swinkit.ops.resize import best_class

IGNORE = 255
"""What labels are padded with, and what `do_reduce_labels` makes of 0."""


class SwinkitImagesKwargs(ImagesKwargs, total=False):
    """The settings of an image processor, and one of ours."""

    do_reduce_labels: bool | None


class SwinkitImageProcessor(PilBackend):
    """Resizes, scales to 0..1 and normalises; each step can be turned off (`do_resize=False`: any size is served).

    Pictures come as PIL images, [h w c] or [c h w] arrays or tensors, one or a list. Label maps beside them are resized
    to the nearest id and come back as `labels`, int64. With `do_pad` pictures of several sizes are filled up with zeros
    at the high end and `pixel_mask` says where (labels: 255). `do_reduce_labels` is for data whose 0 means "no label":
    0 becomes 255, every other id one less.
    """

    valid_kwargs = SwinkitImagesKwargs
    resample = PILImageResampling.BICUBIC
    image_mean = IMAGENET_DEFAULT_MEAN
    image_std = IMAGENET_DEFAULT_STD
    size = {"height": 224, "width": 224}
    default_to_square = True
    do_convert_rgb = True
    do_resize = True
    do_rescale = True
    do_normalize = True
    do_pad = False
    do_reduce_labels = False
    model_input_names = ["pixel_values", "pixel_mask"]

    def preprocess(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, images: ImageInput, segmentation_maps: ImageInput | None = None, **kwargs: Any
    ) -> BatchFeature:
        """`pixel_values` [b c h w], and `labels` and `pixel_mask` where there are any.

        Args:
            segmentation_maps: a map of ids [h w] for each picture, at the picture's size.
            kwargs: any setting of the processor, for this call.
        """
        return super().preprocess(images, segmentation_maps, **kwargs)

    def _preprocess_image_like_inputs(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, images: ImageInput, segmentation_maps: ImageInput | None, *, return_tensors: Any, **kwargs: Any
    ) -> BatchFeature:
        convert, layout = kwargs.pop("do_convert_rgb"), kwargs.pop("input_data_format")
        pad, size = kwargs.pop("do_pad"), kwargs.pop("pad_size")
        reduce = kwargs.pop("do_reduce_labels")
        arrays = self._prepare_image_like_inputs(images, do_convert_rgb=convert, input_data_format=layout)
        pictures = self._ready(arrays, **kwargs)
        data: dict[str, Any] = {"pixel_values": pictures}
        if pad:
            data["pixel_values"], data["pixel_mask"] = self.pad(pictures, pad_size=size, return_mask=True)
        if segmentation_maps is not None:
            found = self._prepare_image_like_inputs(segmentation_maps, expected_ndims=2, do_convert_rgb=False)
            _check_pairs(arrays, found)
            if reduce:
                found = [_reduced(labels) for labels in found]
            plain = {"do_rescale": False, "do_normalize": False, "resample": PILImageResampling.NEAREST}
            maps = self._ready(found, **{**kwargs, **plain})
            maps = self.pad(maps, pad_size=size, fill_value=IGNORE) if pad else maps
            data["labels"] = [labels[0].astype(np.int64) for labels in maps]
        return BatchFeature(data=data, tensor_type=return_tensors)

    def _ready(self, arrays: list[np.ndarray], **kwargs: Any) -> list[np.ndarray]:
        """The backend's own steps, but for the padding."""
        done = super()._preprocess(arrays, do_pad=False, pad_size=None, return_tensors=None, **kwargs)
        return done["pixel_values"]

    def post_process_semantic_segmentation(
        self, outputs: Any, target_sizes: list[tuple[int, int]] | Tensor | None = None
    ) -> list[Tensor]:
        """The id of every pixel, [h w] a picture.

        Args:
            outputs: what the model returned; `logits` [b labels h w].
            target_sizes: (height, width) of every picture as it came; by default the size of the logits.
        """
        logits: Tensor = outputs.logits
        space = (int(logits.shape[2]), int(logits.shape[3]))
        sizes = [space] * len(logits) if target_sizes is None else [(int(h), int(w)) for h, w in target_sizes]
        if len(sizes) != len(logits):
            raise ValueError(f"target_sizes has {len(sizes)} sizes for {len(logits)} pictures: give one for each")
        whole = (slice(None), slice(None))
        return [best_class(one, space, whole, size)[0] for one, size in zip(logits, sizes, strict=True)]


def _check_pairs(pictures: list[np.ndarray], maps: list[np.ndarray]) -> None:
    if [one.shape[1:] for one in pictures] != [one.shape[1:] for one in maps]:
        raise ValueError(
            f"segmentation_maps of sizes {[one.shape[1:] for one in maps]} came for pictures of sizes "
            f"{[one.shape[1:] for one in pictures]}: give one map a picture, at its size"
        )


def _reduced(labels: np.ndarray) -> np.ndarray:
    kept = (labels != 0) & (labels != IGNORE)
    return np.where(kept, labels.astype(np.int32) - 1, IGNORE)
