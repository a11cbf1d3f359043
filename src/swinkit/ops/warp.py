"""Pictures and masks through one affine map or one resize, by OpenCV."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import UInt8
from torch.utils.data import get_worker_info

from swinkit.ops import affine

Picture = UInt8[np.ndarray, "h w c"]
Resized = UInt8[np.ndarray, "new_h new_w c"]

MAX_SIDE = 32_766  # OpenCV's warps count pixels with 16 bits


def warp(picture: Picture, matrix: affine.Matrix, size: tuple[int, int], fill: tuple[float | int, ...]) -> Resized:
    """[h w c] uint8 -> [*size c] uint8, linear, `fill` (a value per channel) outside the picture.

    Where the map makes the picture two or more times smaller, it is first reduced by averaging, or thin things would
    flicker.
    """
    _one_thread_in_workers()
    space = picture.shape[:2]
    zoom = math.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    if zoom <= 0.5:
        share = 2.0 ** (math.floor(math.log2(zoom)) + 1)  # a power of two that leaves a zoom of 0.5 to 1 to the warp
        smaller = (max(1, round(space[0] * share)), max(1, round(space[1] * share)))
        if smaller != space:
            picture = resize(picture, smaller)
            matrix = affine.compose(matrix, np.linalg.inv(affine.resizing(space, smaller)))
    warped = cv2.warpAffine(
        picture,
        _pixel_matrix(matrix),
        size[::-1],
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=fill,
    )
    return warped.reshape(*size, picture.shape[2])


def warp_mask(
    mask: UInt8[np.ndarray, "h w"], matrix: affine.Matrix, size: tuple[int, int], fill: int
) -> UInt8[np.ndarray, "new_h new_w"]:
    """[h w] uint8 -> [*size] uint8, nearest cell: no id is ever invented; `fill` outside the mask."""
    _one_thread_in_workers()
    return cv2.warpAffine(
        mask,
        _pixel_matrix(matrix),
        size[::-1],
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill,),
    )


def resize(picture: Picture, size: tuple[int, int]) -> Resized:
    """[h w c] uint8 -> [*size c] uint8: averaged where it gets smaller, linear where it gets larger."""
    _one_thread_in_workers()
    if picture.shape[:2] == size:
        return picture
    smaller = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    resized = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return resized.reshape(*size, picture.shape[2])


def _pixel_matrix(matrix: affine.Matrix) -> np.ndarray:
    """Our map (rows first, cells cover [i, i + 1)) as OpenCV's (x first, pixel centres on whole numbers)."""
    centred = affine.compose(affine.translation([-0.5, -0.5]), matrix, affine.translation([0.5, 0.5]))
    return centred[[1, 0]][:, [1, 0, 2]]


def _one_thread_in_workers() -> None:
    """A loader worker is one of several processes already: OpenCV's threads would only fight over the same cores.

    0 runs without a pool. With 1 OpenCV waits for ever for the threads of the process that was forked, which are
    not there.
    """
    if get_worker_info() is not None and cv2.getNumThreads() > 1:
        cv2.setNumThreads(0)
