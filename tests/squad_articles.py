"""Data files in SQuAD's form: of texts and what is asked of them, or of rows that were read."""

import json

HONEY = "Mara keeps bees on the roof. In June she sold nine jars of honey to the baker."
ASKED = (("Where are the bees?", "on the roof"), ("Who bought the honey?", "the baker"))
"""Questions about `HONEY`, each with its answers."""
_NAMES = ("Arno", "Bela", "Cora", "Dovre", "Elbe", "Fulda", "Gera", "Havel", "Isar", "Jade", "Kura")


def squad_of(articles):
    """Return a document of articles: by title, pairs of a text and its questions.

    A question is a tuple: its words, and one or more answers, which stand where they first occur.
    """
    data = []
    for title, pairs in articles.items():
        paragraphs = []
        for place, (context, asked) in enumerate(pairs):
            qas = [
                {
                    "id": f"{title} {place} {number}",
                    "question": question,
                    "answers": [{"text": a, "answer_start": context.index(a)} for a in answers],
                }
                for number, (question, *answers) in enumerate(asked)
            ]
            paragraphs.append({"context": context, "qas": qas})
        data.append({"title": title, "paragraphs": paragraphs})
    return {"data": data}


def write_articles(path, articles):
    """Write such a document; return the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(squad_of(articles)))
    return path


def write_honey(path, title="honey"):
    """Write two questions about one text."""
    return write_articles(path, {title: [(HONEY, ASKED)]})


def write_rivers(path, articles):
    """Write so many articles about rivers and operas, of two questions each."""
    written = {}
    for n in range(articles):
        river, lake, city = (_NAMES[(n * step + step) % len(_NAMES)] for step in (1, 2, 3))
        flows = f"The river {river} flows from lake {lake} to the city of {city}."
        opera = f"In {city}, {river} composed the opera {lake} for the king."
        asked = "Which one is it?"
        written[f"article {n}"] = [(flows, [(asked, river)]), (opera, [(asked, lake)])]
    return write_articles(path, written)


def write_squad(rows, path):
    """Write questions that were read from such files, an article each."""
    articles = []
    for row in rows:
        answers = [
            {"text": text, "answer_start": start}
            for text, start in zip(*row["answers"].values(), strict=True)
        ]
        qa = {"id": row["id"], "question": row["question"], "answers": answers}
        paragraph = {"context": row["context"], "qas": [qa]}
        articles.append({"title": row["title"], "paragraphs": [paragraph]})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": articles}))
    return path
