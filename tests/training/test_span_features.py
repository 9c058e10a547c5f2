import pytest
import torch

from analog_bench.hwa.span_batches import token_span, unambiguous
from analog_bench.tasks.qa_windows import WindowLimits, make_windows
from training.span_features import collate, span_features

SHORT = WindowLimits(max_length=48, stride=16, max_question=20)


@pytest.fixture(scope="module")
def rows(embedded):
    return embedded.select(range(0, len(embedded), 5))


@pytest.mark.parametrize("limits", [WindowLimits(), SHORT])
def test_token_spans_lead_back_to_the_answers(rows, tokenizer, limits):
    windows = make_windows(rows, tokenizer, limits)
    features = span_features(rows, tokenizer, limits)
    assert len(features) == len(windows)
    held = set()
    for window, row in zip(windows, features, strict=True):
        first, last = row["start_positions"], row["end_positions"]
        assert row["input_ids"] == window.input_ids.tolist()
        assert row["token_type_ids"] == window.token_type_ids.tolist()
        assert row["length"] == len(row["input_ids"])
        question = rows[window.example]
        text, begin = question["answers"]["text"][0], question["answers"]["answer_start"][0]
        inside = window.offsets[window.offsets[:, 0] >= 0]
        if inside[0, 0] <= begin and inside[-1, 1] >= begin + len(text):
            held.add(window.example)
            found = question["context"][window.offsets[first, 0] : window.offsets[last, 1]]
            assert found == text
        else:
            assert (first, last) == (0, 0)
    assert len(held) == len(rows)
    assert (len(windows) > len(rows)) == (limits is SHORT)


def test_an_answer_that_is_cut_off_is_no_answer(rows, tokenizer):
    window = make_windows(rows, tokenizer, SHORT)[0]
    inside = window.offsets[window.offsets[:, 0] >= 0]
    begin, end = int(inside[3, 0]), int(inside[-1, 1])
    assert token_span(window, begin, end) == (
        len(window.input_ids) - 1 - len(inside) + 3,
        len(window.input_ids) - 2,
    )
    assert token_span(window, begin, end + 2) == (0, 0)
    assert token_span(window, end + 1, end + 5) == (0, 0)


def test_questions_with_repeated_answers_are_dropped(rows):
    twice = rows.map(lambda row: {"context": row["context"] + " " + row["answers"]["text"][0]})
    assert len(unambiguous(twice)) == 0
    kept = unambiguous(rows)
    expected = [r["id"] for r in rows if r["context"].count(r["answers"]["text"][0]) == 1]
    assert list(kept["id"]) == expected
    assert 0 < len(kept) < len(rows)


def test_rows_are_padded_to_the_longest(rows, tokenizer):
    features = span_features(rows.select(range(4)), tokenizer, WindowLimits()).to_list()
    batch = collate(features)
    lengths = [row["length"] for row in features]
    assert batch["input_ids"].shape == (4, max(lengths))
    assert batch["attention_mask"].sum(1).tolist() == lengths
    for n, row in enumerate(features):
        assert batch["input_ids"][n, : lengths[n]].tolist() == row["input_ids"]
        assert batch["input_ids"][n, lengths[n] :].sum() == 0
        assert batch["token_type_ids"][n, : lengths[n]].tolist() == row["token_type_ids"]
    for key in ("start_positions", "end_positions"):
        assert torch.equal(batch[key], torch.tensor([row[key] for row in features]))
