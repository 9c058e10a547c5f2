import re

from analog_bench.report.as_latex import escaped, latex
from analog_bench.report.layer_table import layer_table
from analog_bench.report.run_tables import run_tables
from analog_bench.report.table import Cell, Column, Heading, Table, number, paragraph, tabulate
from tests.report.example_report import NASTY, example_run


def test_every_sign_of_latex_is_text():
    assert escaped(r"a_b & 5 % {x} \y ~ ^ # $") == (
        r"a\_b \& 5 \% \{x\} \textbackslash{}y \textasciitilde{} \textasciicircum{} \# \$"
    )
    assert escaped("−1 ±0.5") == r"$-$1 $\pm$0.5"


def test_a_table_is_a_tabular_of_its_columns_that_show_something():
    table = tabulate(
        ["a_1", "b"],
        [
            (Column("layer"), str),
            number("drop", lambda name: Cell("▼ 3", "worst") if name == "b" else "1"),
            (Column(""), lambda _: Cell("", bar=0.5)),
            (Column("verdict"), lambda _: ""),
        ],
    )
    assert latex([Heading("One & two"), table, paragraph("100 %")]).splitlines() == [
        r"% \usepackage{booktabs,amssymb,graphicx}",
        "",
        r"\subsection*{One \& two}",
        "",
        r"\noindent\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"layer & drop \\",
        r"\midrule",
        r"a\_1 & 1 \\",
        r"b & \textbf{$\blacktriangledown$ 3} \\",
        r"\bottomrule",
        r"\end{tabular}}",
        "",
        "",
        r"100 \%",
    ]


def test_a_whole_run_has_as_many_fields_a_row_as_columns():
    run = example_run()
    blocks = [block for tables in run_tables(run.groups, None) for block in tables]
    text = latex(blocks)
    assert text.isascii() or not re.search(r"[±−×→√²▼✕▲·…]", text)
    tables = re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end", text, re.S)
    assert len(tables) == sum(isinstance(block, Table) and bool(block.rows) for block in blocks)
    for columns, body in tables:
        for row in re.findall(r"^(.*) \\\\\\\\$", body, re.M):
            assert len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1
    assert NASTY not in text


def test_the_example_has_a_heading_a_study(bert, metrics):
    (heading, _) = layer_table(bert, {}, metrics)
    assert latex([heading]).count(r"\subsection*{") == 1
