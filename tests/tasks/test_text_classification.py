"""Labelled texts made ready for a classifier: their scores, their labels, and what is refused."""

from pathlib import Path

import pytest
import torch

from analog_bench.case import Case
from analog_bench.engine.runner import Runner
from analog_bench.errors import DataError, UsageError, WeightsError
from analog_bench.noise import Pcm, WhiteOutput, WhiteOutputRel
from analog_bench.session.run_data import check_source, make_task
from analog_bench.tasks.text_classification import label_numbers, labels_of
from analog_bench.zoo.model_builder import observe
from tests.squad_articles import write_articles
from tests.tiny_classifier import classifier, config_of

ROWS = "text,label\nThe fox slept.,a\nIt rained all day.,b\nNine geese.,b\nAn owl.,a\nWho?,c\n"
NO_LOCK = Path("none")


def task_of(source, loaded, examples=None, data_folder=None):
    return make_task(str(source), loaded, examples=examples, data_folder=data_folder, lock=NO_LOCK)


@pytest.fixture(scope="module")
def loaded():
    return classifier()


@pytest.fixture(scope="module")
def embedded_pairs(loaded):
    return task_of("embedded", loaded, 24)


def reduced(task, model):
    with torch.inference_mode():
        return [task.reduce(n, task.run(model, n)) for n in range(len(task.batches))]


def test_scores_are_those_of_the_plain_forward_pass(loaded, embedded_pairs):
    outputs = reduced(embedded_pairs, loaded.model)
    scores = embedded_pairs.score(outputs)
    assert list(scores) == ["accuracy", "predicted"]
    plain = {}
    with torch.no_grad():
        for batch in embedded_pairs.batches:
            for row, ids, types, mask in zip(
                batch.windows,
                batch.input_ids,
                batch.token_type_ids,
                batch.attention_mask,
                strict=True,
            ):
                own = mask.bool()  # alone, without padding
                out = loaded.model(input_ids=ids[own][None], token_type_ids=types[own][None])
                plain[row] = int(out.logits.argmax())
    assert [plain[row] for row in range(24)] == [int(label) for label in scores["predicted"]]
    assert len({*plain.values()}) == 2
    right = [plain[row] == true for row, true in enumerate(embedded_pairs.truth)]
    assert [score == 100.0 for score in scores["accuracy"]] == right
    means = embedded_pairs.mean(scores)
    assert list(means) == [metric.name for metric in embedded_pairs.metrics]
    assert means["accuracy"] == pytest.approx(100 * sum(right) / 24)
    assert embedded_pairs.counts == {"pairs": 24}
    assert embedded_pairs.texts(outputs) == ()


def test_guessing_gives_every_text_the_usual_label(tmp_path):
    path = tmp_path / "three.csv"
    path.write_text(ROWS.replace(",c", ",b"))
    task = task_of(path, classifier(("a", "b", "c")))
    # Labels a, b, b, a, b: three of five are right, and of a and b only b has an F1, 6 / 8.
    expected = {"accuracy": 60.0, "label_f1": 37.5, "matthews": 0.0}
    assert task.chance == pytest.approx(expected)
    assert (task.name, task.data, task.examples) == ("three", "three texts", 5)


def test_pairs_are_two_segments_and_long_ones_are_cut(tmp_path, loaded):
    path = tmp_path / "long.csv"
    path.write_text(f"text,text_pair,label\nOne two.,{'word ' * 300},0\nA,B,1\n")
    (batch,) = task_of(path, loaded).batches
    assert batch.windows == (0, 1)
    ends = [(ids == 102).nonzero().flatten().tolist() for ids in batch.input_ids]  # [SEP]
    assert ends == [[4, 127], [2, 4]]
    assert batch.token_type_ids.tolist() == [[0] * 5 + [1] * 123, [0] * 3 + [1] * 2 + [0] * 123]
    assert batch.attention_mask.sum(dim=1).tolist() == [128, 5]


@pytest.mark.parametrize(
    ("given", "numbers"), [("b a c a", [1, 0, 2, 0]), ("1 0 2 0", [1, 0, 2, 0]), ("2 2", [2, 2])]
)
def test_labels_are_names_or_numbers(given, numbers):
    assert label_numbers(given.split(), ("a", "b", "c"), "x.csv", "tiny") == numbers


@pytest.mark.parametrize("given", ["a b d", "0 3", "a 1", "-1", "1.0"])
def test_other_labels_are_refused_with_both_sides(given):
    with pytest.raises(DataError) as caught:
        label_numbers(given.split(), ("a", "b", "c"), "x.csv", "tiny")
    found = ", ".join(map(repr, sorted({*given.split()})))
    assert f"x.csv has the labels {found}, and tiny has 'a', 'b', 'c'" in str(caught.value)
    assert "or 0 to 2; give a model for this data" in str(caught.value)


def test_data_of_other_labels_than_the_models_is_refused(tmp_path):
    moods = classifier(("bad", "good"))
    with pytest.raises(DataError, match="embedded has the labels 'entailment', 'not_entailment'"):
        task_of("embedded", moods)
    path = tmp_path / "many.csv"
    path.write_text("text,label\n" + "".join(f"Text {n}.,label{n}\n" for n in range(9)))
    with pytest.raises(DataError, match="'label4' and 4 more, and tiny has 'bad', 'good'"):
        task_of(path, moods)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"problem_type": "multi_label_classification"}, "multi_label_classification by its"),
        ({"problem_type": "regression"}, "regression by its config.json"),
        ({"id2label": {0: "score"}}, r"\(1 label by its config.json\)"),
        ({"id2label": {0: "a", 1: "a"}}, "does not tell its labels apart"),
        ({"id2label": {1: "a", 2: "b"}}, "does not tell its labels apart"),
        ({"pad_token_id": None}, "has no pad_token_id in its config.json"),
    ],
)
def test_a_model_that_gives_no_label_is_refused(changes, wrong):
    with pytest.raises(UsageError, match=wrong):
        labels_of(config_of(**changes), "tiny")


def test_questions_of_a_squad_file_become_pairs(loaded, tmp_path):
    asked = [("Where?", "barn")] * 3
    path = tmp_path / "squad" / "dev-v1.1.json"
    write_articles(path, {"fox": [("The fox slept in the barn. The owl ate.", asked)]})
    task = task_of("squad", loaded, data_folder=tmp_path)
    assert (task.name, task.data, task.examples) == ("SQuAD dev", "SQuAD dev pairs", 2)
    assert sorted(task.truth) == [0, 1]
    assert task_of(path, loaded).data == "dev-v1.1 pairs"
    write_articles(path, {"fox": [("The fox slept in the barn.", asked)]})
    with pytest.raises(DataError, match="gives no pairs: two questions are needed"):
        task_of(path, loaded)


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("wikitext-2", "is for a language model, and tiny is a text classifier: it takes embedded"),
        ("mine.txt", "is for a language model, and tiny is a text classifier"),
        ("hub", "is for a question-answering model or a language model, and tiny is a text"),
    ],
)
def test_data_of_another_kind_is_refused(loaded, source, wrong):
    with pytest.raises(UsageError, match=wrong):
        check_source(source, loaded.spec)


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("embeded", "no texts called 'embeded', .*did you mean 'embedded'"),
        ("none.csv", "no data file at none.csv"),
        ("none.json", "no data file at none.json"),
    ],
)
def test_data_that_is_not_there_is_refused(loaded, source, wrong):
    with pytest.raises(DataError, match=wrong):
        task_of(source, loaded)


def test_more_examples_than_there_are_are_refused(loaded):
    with pytest.raises(UsageError, match="--examples asks for 575 pairs, the data holds 574"):
        task_of("embedded", loaded, 575)


def test_the_protocol_is_of_the_data_the_labels_and_their_order(tmp_path):
    path = tmp_path / "three.csv"
    path.write_text(ROWS)
    protocols = [task_of(path, classifier(names)).protocol for names in ("abc", "abc", "acb")]
    assert protocols[0] == protocols[1] != protocols[2]
    path.write_text(ROWS.replace("Nine", "Ten"))
    assert task_of(path, classifier("abc")).protocol != protocols[0]


@pytest.mark.parametrize(
    "noise", [WhiteOutput(std=0.5), WhiteOutputRel(std=0.5), Pcm()], ids=lambda noise: noise.NAME
)
def test_each_layer_of_a_classifier_takes_noise_with_and_without_replay(
    loaded, embedded_pairs, noise
):
    layers = [layer.name for layer in loaded.spec.layers if layer.kind == "matmul"]
    assert layers[-2:] == ["pooler.dense", "classifier"]
    day = 86_400.0 if noise.DRIFTS else 0.0
    groups = [(layer,) for layer in layers[-3:]] + [tuple(layers)]
    cases = [
        Case("s", "tiny", group, noise, day, "torch", "ideal", "direct", group[0])
        for group in groups
    ]
    results = [
        [
            Runner(
                loaded.model, embedded_pairs, seed=1, weights="w", replay=replay, per_example=True
            ).measure(case, range(2))
            for case in cases
        ]
        for replay in (True, False)
    ]
    for with_replay, without in zip(*results, strict=True):
        assert with_replay.status == "measured"
        assert [chip.scores for chip in with_replay.chips] == [
            chip.scores for chip in without.chips
        ]
        for chip in with_replay.chips:
            assert embedded_pairs.mean(chip.per_example) == chip.scores


def test_a_head_that_transformers_does_not_know_is_refused():
    config = config_of()
    config.architectures = ["BertForTokenClassification"]
    with pytest.raises(WeightsError, match="or BertForSequenceClassification, found"):
        observe(config, "tiny")
