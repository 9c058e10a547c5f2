"""Which models of a run have a shape, and what becomes of one that is gone."""

from msgspec.structs import replace

from analog_bench.session.run_conclusion import shapes_of
from tests.report.example_report import drift_results, layer_results
from tests.session.test_case_measurement import SETTINGS


def test_models_on_tiles_as_a_whole_have_a_shape():
    notes = []
    found = shapes_of([*drift_results(), *layer_results()], SETTINGS, notes)
    assert (list(found), notes) == (["bert"], [])
    assert found["bert"].tokens == 128
    assert len(found["bert"].layers) == 53


def test_layers_one_by_one_need_none():
    assert shapes_of(layer_results(), SETTINGS, []) == {}


def test_a_model_that_is_gone_is_a_note():
    notes = []
    gone = [replace(result, model="gone") for result in drift_results()]
    assert shapes_of(gone, SETTINGS, notes) == {}
    (note,) = notes
    assert note.startswith("no energy of gone in the report: ")
