"""The report: one page that needs nothing else, whatever the run was called and however many classes it had."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from swinkit.report import ClassRow, Example, ModelFacts, RunFacts, write_report

EVIL = '<script>alert("1")</script> & $x_1$ \N{CJK UNIFIED IDEOGRAPH-732B}'
VOID = {"meta", "img", "source", "br"}


class Outline(HTMLParser):
    """Tags, attributes and text of a page; balanced tags are checked on the way."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data + "\n"


def facts(classes: int = 3, side: int = 12, name: str = "class") -> RunFacts:
    rng = np.random.default_rng(0)
    confusion = rng.integers(0, 50, (classes, classes)) + 100 * np.eye(classes, dtype=np.int64)
    confusion[-1] = 0  # a class that never occurs
    iou = [*np.linspace(0.2, 0.9, classes - 1), None]
    rows = [
        ClassRow(
            name=f"{name} {i}",
            figures={"iou": iou[i], "accuracy": iou[i]},
            count=int(confusion[i].sum()),
            color=(i % 256, 9, 9),
        )
        for i in range(classes)
    ]
    picture = rng.integers(0, 255, (side, side + 4, 3), dtype=np.uint8)
    pictures = {"input": picture, "truth": picture, "prediction": picture[::-1].copy()}
    example = Example(id=f"{name} picture", score=0.25, pictures=pictures, classes=[row.name for row in rows])
    steps = [{"step": str(i), "loss": f"{3 / i:.4f}", "rate": "0.001", "val/miou": ""} for i in range(1, 60)]
    return RunFacts(
        title=f"segment: {name}",
        main="miou",
        figures={"val": {"miou": 0.5}, "test": {"miou": 0.4321, "pixel_accuracy": 0.9, f"iou/{name} 0": 0.7}},
        history=[*steps, {"step": "59", "val/miou": "0.5"}, {"step": "59", "loss": "nan"}],
        classes=rows,
        confusion=confusion,
        split="test",
        best=[example],
        worst=[example],
        model=ModelFacts(name=name, parameters=1234567, gmacs=0.3, size=(64, 64)),
        speed={"training": "100 samples/s"},
        environment={"torch": "2"},
        recipe={"training": {"rate": 1e-3, "betas": [0.9, 0.99]}, "data": {"path": name}},
        command=f"swinkit train segment '{name}'",
        notes=[f"note {name}"],
    )


@pytest.mark.parametrize("classes", [2, 20, 150])
def test_page_is_one_file_that_asks_for_nothing(tmp_path: Path, classes: int) -> None:
    page = write_report(tmp_path, facts(classes)).read_text(encoding="utf-8")
    outline = Outline(page)
    links = [
        value
        for _, attributes in outline.tags
        for key, value in attributes.items()
        if key in ("src", "srcset", "href", "data", "action") and value
    ]
    assert links and all(link.startswith(("data:image/", "#")) for link in links)
    assert not re.search(r"url\(|@import|https?://", page)
    targets = {attributes.get("id") for _, attributes in outline.tags}
    assert all(link[1:] in targets for link in links if link.startswith("#"))


def test_page_says_what_the_run_reached(tmp_path: Path) -> None:
    text = Outline(write_report(tmp_path, facts()).read_text(encoding="utf-8")).text
    for wanted in (
        "0.432",
        "Mean IoU on test",
        "Mean IoU, validation",
        "class 1",
        "swinkit train segment",
        "training.betas",
        "0.9, 0.99",
    ):
        assert wanted in text
    assert "iou/" not in text, "figures of one class belong to the table"


def test_names_are_text_and_never_markup_or_formulas(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    page = write_report(tmp_path, facts(4, name=EVIL)).read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert Outline(page).text.count(EVIL) > 10
    assert not [str(warning.message) for warning in recwarn]


def test_equal_facts_give_equal_bytes(tmp_path: Path) -> None:
    first, second = (write_report(tmp_path / name, facts(5)).parent for name in "ab")
    files = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert [str(path) for path in files] == [
        "pictures/best-1.png",
        "pictures/confusion.png",
        "pictures/curves.png",
        "pictures/worst-1.png",
        "report.html",
    ]
    for path in files:
        assert (first / path).read_bytes() == (second / path).read_bytes()


def test_small_pictures_are_shown_exactly_and_large_ones_are_reduced(tmp_path: Path) -> None:
    for side, shown in ((12, (16, 12)), (1280, (640, 638))):
        page = write_report(tmp_path, facts(side=side)).read_text(encoding="utf-8")
        sources = [
            a["src"] or "" for tag, a in Outline(page).tags if tag == "img" and "picture: input" in (a["alt"] or "")
        ]
        content = base64.b64decode(sources[0].split(",", 1)[1])
        image = Image.open(io.BytesIO(content))
        assert image.size == shown
        if side == 12:
            assert np.array_equal(np.asarray(image), facts().best[0].pictures["input"])


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    outline = Outline(write_report(tmp_path, RunFacts(title="bare", main="miou")).read_text(encoding="utf-8"))
    assert [a["id"] for tag, a in outline.tags if tag == "section"] == ["result"]
    assert "No split was evaluated" in outline.text
    assert not list((tmp_path / "pictures").iterdir())


def test_a_second_report_replaces_the_first_with_its_pictures(tmp_path: Path) -> None:
    write_report(tmp_path, facts())
    (tmp_path / "pictures" / "mine.png").write_bytes(b"")
    write_report(tmp_path, RunFacts(title="bare", main="miou"))
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["mine.png"], "what is not ours stays"


def test_facts_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"confusion is \(2, 2\), but there are 0 classes"):
        RunFacts(title="x", main="miou", confusion=np.eye(2))
    with pytest.raises(ValueError, match="picture 'input' is float64"):
        Example(id="x", score=None, pictures={"input": np.zeros((2, 2))})
