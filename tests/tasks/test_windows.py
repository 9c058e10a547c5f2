import unicodedata
from itertools import pairwise
from unicodedata import combining

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given
from hypothesis import strategies as st

from analog_bench.hwa.span_batches import token_span
from analog_bench.tasks.qa_answers import exact_match
from analog_bench.tasks.qa_windows import Window, WindowLimits, make_windows
from analog_bench.tasks.token_batches import Batch, make_batches
from tests.architectures import model_of

SHORT = WindowLimits(max_length=40, stride=12, max_question=10)


@pytest.fixture(scope="module")
def rows(embedded):
    return embedded.select(range(0, len(embedded), 7))


@pytest.fixture(scope="module")
def windows(rows, tokenizer):
    return make_windows(rows, tokenizer, SHORT)


def bare(text):
    """Lower case without accents, as the tokeniser reads it."""
    return "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not combining(c))


def test_offsets_lead_back_to_the_context(rows, windows, tokenizer):
    for window in windows:
        context = rows[window.example]["context"]
        pieces = tokenizer.convert_ids_to_tokens(window.input_ids.tolist())
        inside = [(p, o) for p, o in zip(pieces, window.offsets, strict=True) if o[0] >= 0]
        assert inside
        for piece, (begin, end) in inside:
            assert bare(context[begin:end]) == piece.removeprefix("##")


def test_offsets_of_accents_and_other_scripts(tokenizer):
    context = "Café Zürich 東京 naïve – 5 €"
    rows = Dataset.from_dict({"question": ["Où?"], "context": [context]})
    (window,) = make_windows(rows, tokenizer, WindowLimits())
    words = [context[b:e] for b, e in window.offsets if b >= 0]
    assert "".join(words) == context.replace(" ", "")
    assert words[0] == "Café"


@pytest.mark.parametrize(
    "word", ["cafe\u0301", "Pho\u031b\u0309", "3\ufe0f\u20e3", "naïvete\u0301"]
)
@pytest.mark.parametrize("around", ["{}", "{} was open", "the {}.", "in {}, of {} and {}"])
def test_an_answer_that_ends_in_a_combining_mark_is_found_whole(tokenizer, word, around):
    context = around.replace("{}", word)
    rows = Dataset.from_dict({"question": ["Where?"], "context": [context]})
    (window,) = make_windows(rows, tokenizer, WindowLimits())
    begin = context.rindex(word)
    first, last = token_span(window, begin, begin + len(word))
    assert first > 0, "the window is said not to hold it"
    answer = context[window.offsets[first, 0] : window.offsets[last, 1]]
    assert answer == word
    assert exact_match(answer, [word]) == 100.0


def test_special_tokens_and_the_question_are_outside(windows, tokenizer):
    for window in windows:
        ids = window.input_ids.tolist()
        assert ids[0] == tokenizer.cls_token_id
        assert ids[-1] == tokenizer.sep_token_id
        first_end = ids.index(tokenizer.sep_token_id)
        assert (window.offsets[: first_end + 1] == -1).all()
        assert (window.offsets[-1] == -1).all()
        assert (window.offsets[first_end + 1 : -1] >= 0).all()
        assert (window.token_type_ids[: first_end + 1] == 0).all()
        assert (window.token_type_ids[first_end + 1 :] == 1).all()


def test_windows_cover_every_context_token_and_share_the_stride(rows, windows, tokenizer):
    several = 0
    for example, row in enumerate(rows):
        whole = tokenizer(row["context"], add_special_tokens=False, return_offsets_mapping=True)
        expected = [tuple(pair) for pair in whole["offset_mapping"]]
        parts = [
            [tuple(o) for o in w.offsets.tolist() if o[0] >= 0]
            for w in windows
            if w.example == example
        ]
        joined = list(parts[0])
        for part in parts[1:]:
            assert part[: SHORT.stride] == joined[-SHORT.stride :]
            joined += part[SHORT.stride :]
        assert joined == expected
        several += len(parts) > 1
    assert several > 10
    assert [w.example for w in windows] == sorted(w.example for w in windows)


def test_no_window_is_too_long(windows):
    lengths = [len(window.input_ids) for window in windows]
    assert max(lengths) == SHORT.max_length


def test_long_questions_lose_their_end(tokenizer):
    words = "why would unaffable antidisestablishmentarians ask so interminably long questions here"
    rows = Dataset.from_dict({"question": [words, "Why?"], "context": ["Because."] * 2})
    pieces = tokenizer.tokenize(words)
    for most in range(1, len(pieces) + 2):
        limits = WindowLimits(max_length=64, stride=8, max_question=most)
        long, short = make_windows(rows, tokenizer, limits)
        kept = tokenizer.convert_ids_to_tokens(long.input_ids[long.token_type_ids == 0].tolist())
        assert kept == ["[CLS]", *pieces[:most], "[SEP]"]
        # the short question has two tokens
        assert len(short.input_ids) == min(most, 2) + len(tokenizer.tokenize("Because.")) + 3


def of_length(length):
    ids = np.arange(1, length + 1)
    return Window(ids, np.ones(length, np.int64), 0, np.zeros((length, 2), np.int64))


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 100))
def test_batches_hold_every_window_once_within_the_budget(lengths, budget):
    windows = [of_length(length) for length in lengths]
    batches = make_batches(windows, 99, budget)
    seen = [index for batch in batches for index in batch.windows]
    assert sorted(seen) == list(range(len(windows)))
    ordered = [lengths[index] for index in seen]
    assert ordered == sorted(lengths, reverse=True)
    for batch in batches:
        rows, longest = batch.input_ids.shape
        assert rows * longest <= budget or rows == 1
        assert longest == max(lengths[index] for index in batch.windows)
        for row, index in enumerate(batch.windows):
            length = lengths[index]
            assert batch.input_ids[row].tolist() == [
                *range(1, length + 1),
                *[99] * (longest - length),
            ]
            for mask in (batch.attention_mask, batch.token_type_ids):
                assert mask[row].tolist() == [1] * length + [0] * (longest - length)
    for first, second in pairwise(batches):
        rows, longest = first.input_ids.shape
        assert (rows + 1) * longest > budget, "the next window would have had room"
        assert second.input_ids.shape[1] <= longest


def test_windows_of_one_length_keep_their_order():
    batches = make_batches([of_length(5) for _ in range(7)], 0, 10)
    assert [batch.windows for batch in batches] == [(0, 1), (2, 3), (4, 5), (6,)]


@pytest.mark.parametrize(
    ("name", "changes", "types"),
    [
        ("bert", {}, True),
        ("bert", {"type_vocab_size": 1}, False),
        ("roberta", {"type_vocab_size": 1}, False),
        ("electra", {"type_vocab_size": 1}, False),
        ("distilbert", {}, False),
    ],
)
def test_models_are_given_the_token_types_that_they_can_tell_apart(name, changes, types):
    ids = torch.arange(8, 20).view(2, 6)
    batch = Batch((0, 1), ids, (ids > 10).long(), torch.ones_like(ids))
    model = model_of(name, **changes)
    inputs = batch.inputs_of(model)
    assert ("token_type_ids" in inputs) == types
    assert model(**inputs).start_logits.shape == ids.shape
