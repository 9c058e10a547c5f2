import xml.etree.ElementTree as ET

from analog_bench.report.svg import table_svg
from analog_bench.report.table import layer_table


def test_the_picture_holds_every_layer_and_fetches_nothing(bert, metrics):
    svg = table_svg(layer_table(bert, {}, metrics, width=140), "pytest bench", width=140)
    words = "".join(ET.fromstring(svg).itertext()).replace("\xa0", " ")
    for result in bert:
        assert result.group in words
    assert "pytest bench" in words
    assert "▼ 45.0" in words
    assert "url(" not in svg.replace("url(#", "")
    assert "font-face" not in svg


def test_equal_tables_give_equal_pictures_as_wide_as_the_table(bert, metrics):
    def picture(width):
        return table_svg(layer_table(bert, {}, metrics, width=80), "t", width)

    assert picture(100) == picture(100)
    assert picture(100) == picture(300)
