"""IDF1, MOTA and switches, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from swinkit.metrics import Seen, TrackScores

SIDE = 10.0


def frame(*things: tuple[int, float]) -> Seen:
    """Squares of 10 by (number, left edge); they overlap by more than half where they are less than 3.3 apart."""
    places = [[left, 0, left + SIDE, SIDE] for _, left in things]
    return Seen(np.array([number for number, _ in things], np.int64), np.array(places, np.float64).reshape(-1, 4))


def scored(truth: list[Seen], found: list[Seen]) -> dict[str, float]:
    scores = TrackScores()
    scores.update(truth, found)
    return scores.result()


def test_what_is_found_as_it_is_has_no_faults():
    film = [frame((1, 5 * t), (2, 100 - 5 * t)) for t in range(6)]
    renamed = [Seen(each.numbers + 40, each.boxes + 1) for each in film]
    found = scored(film, renamed)
    assert (found["idf1"], found["mota"]) == (1, 1)
    assert (found["switches"], found["misses"], found["false"]) == (0, 0, 0)


def test_one_switch_half_way():
    """Ten frames of one thing, five as track 1 and five as track 2: half of the boxes agree, MOTA loses one in ten."""
    truth = [frame((7, 0)) for _ in range(10)]
    found = [frame((1 if t < 5 else 2, 0)) for t in range(10)]
    assert scored(truth, found) == {
        "idf1": 2 * 5 / 20, "id_recall": 0.5, "id_precision": 0.5, "mota": 0.9,
        "switches": 1, "misses": 0, "false": 0,
    }  # fmt: skip


def test_two_that_change_their_numbers_are_two_switches():
    truth = [frame((1, 0), (2, 50)) for _ in range(8)]
    found = [frame((1, 0), (2, 50)) if t < 6 else frame((2, 0), (1, 50)) for t in range(8)]
    result = scored(truth, found)
    assert result["switches"] == 2 and result["mota"] == pytest.approx(1 - 2 / 16)
    assert result["idf1"] == pytest.approx(2 * 12 / 32)  # each keeps its first six frames


def test_misses_and_false_boxes_count_for_both():
    """Four true boxes, of which two are found; three found boxes, one of them nowhere near."""
    truth = [frame((1, 0), (2, 50)), frame((1, 0), (2, 50))]
    found = [frame((1, 0)), frame((1, 1), (2, 90))]
    result = scored(truth, found)
    assert (result["misses"], result["false"], result["switches"]) == (2, 1, 0)
    assert result["mota"] == pytest.approx(1 - 3 / 4)
    assert result["idf1"] == pytest.approx(2 * 2 / 7)
    assert (result["id_recall"], result["id_precision"]) == (pytest.approx(2 / 4), pytest.approx(2 / 3))


def test_a_thing_that_comes_back_under_its_number_has_not_switched():
    truth = [frame((1, 0)), frame((1, 0)), frame(), frame((1, 0))]
    back, new = ([frame((1, 0)), frame(), frame(), frame((number, 0))] for number in (1, 2))
    assert scored(truth, back)["switches"] == 0
    assert scored(truth, new)["switches"] == 1


def test_a_thing_stays_with_its_track_though_another_is_nearer():
    """Bernardin and Stiefelhagen's rule: a pair that still overlaps is kept."""
    truth = [frame((1, 0)), frame((1, 0))]
    found = [frame((5, 0)), frame((5, 2), (6, 0))]
    result = scored(truth, found)
    assert (result["switches"], result["false"]) == (0, 1)


def test_as_many_pairs_are_made_as_can_be():
    """The nearest pair alone would leave two boxes without a partner."""
    truth, found = [frame((1, 0), (2, 3))], [frame((5, 3), (6, 6))]
    assert (scored(truth, found)["misses"], scored(truth, found)["false"]) == (0, 0)


def test_films_add_up_and_numbers_of_one_are_not_those_of_another():
    one, other = [frame((1, 0))] * 4, [frame((2, 0))] * 4
    both, part = TrackScores(), TrackScores()
    both.update(one, [frame((9, 0))] * 4)
    part.update(other, [frame((9, 0))] * 4)
    both.merge(part)
    assert both.result()["idf1"] == 1 and both.counts["truth"] == 8


def test_nothing_found_and_nothing_there():
    assert scored([frame((1, 0))], [frame()])["mota"] == 0
    assert scored([frame((1, 0))], [frame()])["idf1"] == 0
    assert scored([frame((1, 0))], [frame((1, 40), (2, 60))])["mota"] == -2
    assert scored([frame()], [frame((1, 0))]) == {}


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(ValueError, match="2 frames were found for 1 true"):
        scored([frame()], [frame(), frame()])
    with pytest.raises(ValueError, match="frame 0: a number is there twice"):
        scored([frame((1, 0), (1, 40))], [frame()])
