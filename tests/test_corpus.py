"""From bytes on disk to articles: decoding, furniture, headers, and what is skipped and why."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from conftest import SEEDS
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.corpus.decode import NotTextError, decode, normalise_newlines
from rag.corpus.files import read_articles, scan
from rag.corpus.furniture import is_furniture
from rag.corpus.header import (
    FALLBACK_TITLE_CHARS,
    fallback_title,
    header_spans,
    parse_date,
    read_header,
)
from rag.datatypes import Article, CorpusError, Skipped

Write = Callable[[dict[str, str | bytes]], Path]

RUSSIAN = "Министр обороны заявил, что переговоры в столице продолжатся до конца недели."
PLAIN = "The harbour reopened on Tuesday.\nTwo ferries left before noon.\n"


def read(root: Path, max_bytes: int = 100_000) -> tuple[dict[str, Article], dict[str, str]]:
    """Articles by id, and the reason for each path that was skipped."""
    items = list(read_articles(scan(root), max_bytes=max_bytes))
    articles = [item for item in items if isinstance(item, Article)]
    skipped = [item for item in items if isinstance(item, Skipped)]
    return {a.doc_id: a for a in articles}, {s.path: s.reason for s in skipped}


def text_or_reason(data: bytes) -> str:
    """The decoded text, or the reason why there is none."""
    try:
        return decode(data)
    except NotTextError as error:
        return error.reason


# --- decode ------------------------------------------------------------------------------------

readable = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.just("\n"))


@settings(deadline=None, max_examples=100)
@given(readable.filter(lambda text: not text.startswith("\ufeff")))
def test_utf8_comes_back_as_the_codec_reads_it(text: str) -> None:
    assert decode(text.encode("utf-8")) == text
    assert decode(codecs.BOM_UTF8 + text.encode("utf-8")) == text


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")],
    ids=["little-endian", "big-endian"],
)
@settings(deadline=None, max_examples=60)
@given(text=readable.filter(lambda text: not text.startswith("\ufeff")))
def test_utf16_with_a_mark_comes_back(mark: bytes, encoding: str, text: str) -> None:
    assert decode(mark + text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@settings(deadline=None, max_examples=60)
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1))
def test_english_utf16_without_a_mark_comes_back(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize("encoding", ["utf-32", "utf-16", "utf-8-sig"])
def test_an_encoding_with_a_mark_is_told_from_its_mark(encoding: str) -> None:
    assert decode("Prices fell by 3 €.".encode(encoding)) == "Prices fell by 3 €."


def test_windows_1252_keeps_quotes_dashes_and_accents() -> None:
    # 0x93/0x94 curly quotes, 0x96 dash, 0x92 apostrophe, 0xE9 e acute, 0x80 euro sign
    data = b"\x93We won\x92t pay \x80 5\x94 \x96 the caf\xe9 owner said on Tuesday."
    assert decode(data) == "“We won’t pay € 5” – the café owner said on Tuesday."


@pytest.mark.parametrize("encoding", ["cp1251", "iso8859-5", "cp866"])
def test_cyrillic_is_read_or_declined_but_never_mangled(encoding: str) -> None:
    assert text_or_reason(RUSSIAN.encode(encoding)) in {RUSSIAN, "undecodable"}


@pytest.mark.parametrize(
    "data",
    [b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", b"PK\x03\x04\x14\x00\x08\x08", b"abc\x01\x02\x03"],
    ids=["png", "zip", "control characters"],
)
def test_binary_is_refused_as_binary(data: bytes) -> None:
    with pytest.raises(NotTextError) as caught:
        decode(data)
    assert caught.value.reason == "binary"


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF16_LE + "Ships left.".encode("utf-16-le")[:-1],
        codecs.BOM_UTF16_LE + b"A\x00\x00\xd8B\x00",
        "Ships left port.".encode("utf-16-be") + b"\x00",
        codecs.BOM_UTF8 + b"caf\xe9",
    ],
    ids=["half a unit", "half a surrogate pair", "no mark, half a unit", "UTF-8 mark on Latin-1"],
)
def test_a_damaged_encoding_is_refused_as_undecodable(data: bytes) -> None:
    with pytest.raises(NotTextError) as caught:
        decode(data)
    assert caught.value.reason == "undecodable"


def test_one_stray_control_character_in_a_long_text_is_kept() -> None:
    text = "The vote passed.\x0b " + "The house rose at noon. " * 20
    assert decode(text.encode()) == text


@settings(deadline=None, max_examples=100)
@given(st.text("a\r\n "))
def test_newlines_are_normalised_once(text: str) -> None:
    once = normalise_newlines(text)
    assert "\r" not in once
    assert normalise_newlines(once) == once
    assert once.split("\n") == text.replace("\r\n", "\r").replace("\n", "\r").split("\r")


# --- furniture ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "ALSO READ: Two bridges closed after flood",
        "Also Read | Two bridges closed",
        "READ MORE – Ferry strike enters second week",
        "READ MORE Ferry strike enters second week",
        "Read more",
        "Must read: the ferry strike",
        "See also: ferry timetable",
        "Related: harbour plans",
        "WATCH | Ferry leaves the harbour",
        "More on this: ferries",
        "Tags: ferries, harbours",
        "Don’t miss: the harbour fair",
        "Share  Tweet | WhatsApp",
        "Facebook Twitter Email",
        "Advertisement",
        "Story continues below advertisement",
        "Sign up for our newsletter",
        "Follow us",
        "Follow Jane Roe on Twitter",
        "https://example.org/ferries?id=1",
        "* * *",
        "—",
        "Copyright 2025 Example News. All rights reserved.",
        "Copyright Example News",
        "Copyright (c) Example News",
        "© 2025 Example News",
        "All rights reserved.",
        "Contributing: Jane Roe",
        "The Associated Press contributed to this report.",
    ],
)
def test_a_link_line_share_bar_or_notice_is_furniture(line: str) -> None:
    assert is_furniture(line)


@pytest.mark.parametrize(
    "line",
    [
        "Also read by the committee were three letters.",
        "Also see the annex, the minister said.",
        "Read more books, she told the pupils.",
        "Must read lists are published every summer.",
        "See also the annex to the treaty, he said.",
        "Related companies lost a tenth of their value.",
        "Watch the harbour, she said.",
        "Video shows the ferry leaving.",
        "Share prices fell: traders blamed the strike.",
        "Tags were sewn into the coats.",
        "Advertisements pay for the paper.",
        "Recommended doses were halved.",
        "Most popular dishes are off the menu.",
        "Facebook, Twitter and Instagram were blocked for a day.",
        "Copyright law was changed last year.",
        "Opinion polls: the party leads",
        "Contributing to the fire was a strong wind.",
        "https://example.org is the address of the port.",
        "More than 20 people were hurt: officials",
        "5,000",
    ],
)
def test_running_text_that_begins_with_the_same_word_is_kept(line: str) -> None:
    assert not is_furniture(line)


# --- header ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("March 30, 2025", date(2025, 3, 30)),
        ("Mar. 3, 2025", date(2025, 3, 3)),
        ("Sept. 9, 2024", date(2024, 9, 9)),
        ("Sept 9 2024", date(2024, 9, 9)),
        ("30 March 2025", date(2025, 3, 30)),
        ("March 1st, 2025", date(2025, 3, 1)),
        ("2025-03-30", date(2025, 3, 30)),
        ("2025-03-30T10:15:00Z", date(2025, 3, 30)),
        ("2025/03/30", date(2025, 3, 30)),
        ("Sunday, March 30, 2025", date(2025, 3, 30)),
        ("Published on: Sunday, March 30, 2025 10:15 AM", date(2025, 3, 30)),
        ("Updated March 30, 2025 at 10:15 a.m. EST", date(2025, 3, 30)),
        ("On March 30, 2025 he spoke", None),
        ("30 March, 2025", date(2025, 3, 30)),
        ("2025/3/30", date(2025, 3, 30)),
        ("March 30, 2025 was a Sunday", None),
        ("February 30, 2025", None),
        ("2025", None),
        ("March 30", None),
        ("03/04/2025", None),
        ("", None),
    ],
)
def test_a_date_is_read_only_from_a_line_that_is_a_date(line: str, expected: date | None) -> None:
    assert parse_date(line) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The treaty was signed on March 28, 2025.\nIt takes effect on May 1, 2025.",
        "March 28, 2025 was the day the treaty was signed, the port said.",
        "The port opened.\nMarch 28, 2025\nThe ferries left on the next day.\nNobody was hurt.",
        "The port opened. It was March 28, 2025",
    ],
    ids=["in sentences", "at the start", "on a line amid the text", "at the end of a sentence"],
)
def test_a_date_in_running_text_is_never_the_date_of_publication(text: str) -> None:
    assert read_header(text).published is None


def test_a_headline_on_its_own_line_is_the_title() -> None:
    text = "Harbour Reopens After Storm\n\nThe harbour reopened on Tuesday."
    assert read_header(text).title == "Harbour Reopens After Storm"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("The harbour reopened on Tuesday.\nFerries left.", "The harbour reopened on Tuesday…"),
        ("He waited…", "He waited…"),
        ("By Jane Roe\nThe harbour reopened. It rained.", "The harbour reopened…"),
        ("March 30, 2025\nThe harbour reopened. It rained.", "The harbour reopened…"),
        ("ALSO READ: Ferries strike\nThe harbour reopened. It rained.", "The harbour reopened…"),
    ],
    ids=["sentence", "already an ellipsis", "below a byline", "below a date", "below a link"],
)
def test_without_a_headline_the_first_sentence_names_the_article(text: str, title: str) -> None:
    assert read_header(text).title == title


def test_a_long_first_sentence_is_cut_at_a_word() -> None:
    # "word " eight times nine = 72 characters with the last space: "nine" would end at 71 + 4.
    text = "seventy1 " * 12 + "end."
    assert fallback_title(text) == " ".join(["seventy1"] * 8) + "…"  # 8 * 9 - 1 = 71 characters


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text("abcdefg", min_size=1, max_size=20), min_size=1, max_size=30))
def test_a_title_from_the_text_ends_with_an_ellipsis_after_a_whole_word(words: list[str]) -> None:
    title = fallback_title(" ".join(words))
    assert title.endswith("…")
    assert 1 < len(title) <= FALLBACK_TITLE_CHARS + 1
    kept = title[:-1].split(" ")
    assert kept == words[: len(kept)]


@pytest.mark.parametrize(
    "order", [["The Port Times", "March 30, 2025"], ["2025-03-30", "port.org"]]
)
def test_outlet_and_date_are_read_from_the_last_lines_in_either_order(order: list[str]) -> None:
    text = "The harbour reopened.\nTwo ferries left.\n" + "\n".join(order)
    header = read_header(text)
    assert header.published == date(2025, 3, 30)
    assert header.outlet in {"The Port Times", "port.org"}


def test_a_date_line_under_the_headline_is_the_date_and_no_evidence() -> None:
    text = "Harbour Reopens After Storm\nBy Jane Roe\nMarch 30, 2025\n\nThe harbour reopened."
    header = read_header(text)
    assert header.published == date(2025, 3, 30)
    article = Article("a.txt", header.title, text)
    assert [text[s:e] for s, e in header_spans(article)] == [
        "Harbour Reopens After Storm",
        "By Jane Roe",
        "March 30, 2025",
    ]


def test_markdown_front_matter_is_read() -> None:
    text = (
        "---\ntitle: 'Harbour: reopened'\ndate: 2025-03-30\nsource: Port Times\n"
        "url: https://example.org/1\n---\nThe harbour reopened.\n"
    )
    header = read_header(text, markdown=True)
    assert header.title == "Harbour: reopened"
    assert header.published == date(2025, 3, 30)
    assert header.outlet == "Port Times"
    assert header.url == "https://example.org/1"


def test_markdown_without_front_matter_takes_its_heading() -> None:
    header = read_header("# Harbour reopens #\n\nFerries left.\n", markdown=True)
    assert header.title == "Harbour reopens"
    assert header.published is None


def test_front_matter_in_a_plain_text_file_is_no_front_matter() -> None:
    assert read_header("---\ntitle: Ferries\n---\nThe harbour reopened.").title != "Ferries"


@pytest.mark.parametrize(
    ("line", "published"),
    [
        ("date: 2025-02-30", None),
        ("date: " + "9" * 5_000, None),
        ("date:", None),
        ("date: ~", None),
    ],
    ids=["no such day", "endless number", "nothing", "null"],
)
def test_a_bad_field_of_front_matter_spoils_no_other(line: str, published: date | None) -> None:
    text = f"---\ntitle: Ferries\n{line}\n---\nThe harbour reopened."
    header = read_header(text, markdown=True)
    assert (header.title, header.published) == ("Ferries", published)


# --- files -------------------------------------------------------------------------------------


def test_the_seeds_say_of_themselves_what_a_reader_sees() -> None:
    articles, skipped = read(SEEDS)
    assert skipped == {}
    by_number = {doc_id[:3]: article for doc_id, article in articles.items()}
    assert list(by_number) == ["000", "003", "004"]
    bare = by_number["000"]
    assert (bare.outlet, bare.published, bare.url) == (None, None, None)
    assert bare.title == "The Taliban in Afghanistan has rejected former U.S. President Donald…"
    dated = by_number["003"]
    assert (dated.outlet, dated.published) == ("CentralasianLIGHT.org", date(2025, 3, 30))
    titled = by_number["004"]
    assert titled.title == "Pakistan Backs U.S. Plan To Reclaim American Weapons From Taliban"
    assert (titled.outlet, titled.published) == (None, None)


def test_hashes_are_of_the_original_bytes_and_of_the_text(corpus: Write) -> None:
    data = codecs.BOM_UTF8 + b"The harbour reopened.\r\nFerries left.\r"
    articles, _ = read(corpus({"a.txt": data}))
    article = articles["a.txt"]
    assert article.text == "The harbour reopened.\nFerries left.\n"
    assert article.source_sha256 == hashlib.sha256(data).hexdigest()
    assert article.sha256 == hashlib.sha256(article.text.encode()).hexdigest()


def test_files_come_in_one_order_with_paths_as_ids(corpus: Write) -> None:
    root = corpus(
        {name: f"Story {name} began." for name in ("b.txt", "a/z.md", "B.txt", "a/a.txt")}
    )
    items = list(read_articles(scan(root), max_bytes=1_000))
    assert [item.doc_id for item in items if isinstance(item, Article)] == [
        "B.txt",
        "b.txt",
        "a/a.txt",
        "a/z.md",
    ]


def test_hidden_files_and_folders_are_passed_over(corpus: Write) -> None:
    root = corpus({"a.txt": PLAIN, ".b.txt": "Hidden one.", ".git/c.txt": "Hidden two."})
    articles, skipped = read(root)
    assert (list(articles), skipped) == (["a.txt"], {})


def test_each_file_that_is_no_article_is_skipped_by_name(corpus: Write) -> None:
    root = corpus(
        {
            "01-good.txt": PLAIN,
            "02-empty.txt": b"",
            "03-blank.txt": codecs.BOM_UTF8 + b" \n\t\n",
            "04-binary.txt": b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR",
            "05-undecodable.md": codecs.BOM_UTF16_LE + b"A\x00B",
            "06-big.txt": b"x " * 600,
            "07-same.txt": PLAIN.replace("\n", "\r\n"),
            "08-picture.png": b"\x89PNG",
            "09-none": "No suffix.",
            "10-empty.jsonl": b"\n\n\n",
            "11-good.MD": "# Ferries leave\n\nThe last one left at noon.",
        }
    )
    os.mkfifo(root / "12-pipe.txt")
    (root / "13-broken.txt").symlink_to(root / "nowhere.txt")
    (root / "14-folder").symlink_to(root)  # followed, it would lead round in a circle
    articles, skipped = read(root, max_bytes=1_000)
    assert list(articles) == ["01-good.txt", "11-good.MD"]
    assert skipped == {
        "02-empty.txt": "empty",
        "03-blank.txt": "empty",
        "04-binary.txt": "binary",
        "05-undecodable.md": "undecodable",
        "06-big.txt": "oversized",
        "07-same.txt": "duplicate",
        "08-picture.png": "unsupported",
        "09-none": "unsupported",
        "10-empty.jsonl": "empty",
        "12-pipe.txt": "not_a_file",
        "13-broken.txt": "unreadable",
        "14-folder": "link",
    }


def test_a_file_of_exactly_the_limit_is_read(corpus: Write) -> None:
    root = corpus({"a.txt": b"x" * 99 + b".", "b.txt": b"y" * 100 + b"."})
    articles, skipped = read(root, max_bytes=100)
    assert (list(articles), skipped) == (["a.txt"], {"b.txt": "oversized"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_without_permission_is_skipped_as_unreadable(corpus: Write) -> None:
    root = corpus({"a.txt": PLAIN, "b.txt": "Locked away."})
    (root / "b.txt").chmod(0)
    articles, skipped = read(root)
    assert (list(articles), skipped) == (["a.txt"], {"b.txt": "unreadable"})


def test_a_name_that_is_no_unicode_is_skipped(corpus: Write) -> None:
    root = corpus({"a.txt": PLAIN})
    Path(os.fsdecode(os.fsencode(root) + b"/\xff.txt")).write_text("Bad name.")
    articles, skipped = read(root)
    assert list(articles) == ["a.txt"]
    assert list(skipped.values()) == ["bad_name"]


def test_a_missing_corpus_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        scan(tmp_path / "nowhere")
    message = str(caught.value)
    assert str(tmp_path / "nowhere") in message
    assert message.endswith("give a folder of .txt, .md or .jsonl files with --corpus.")


def test_one_file_can_be_the_corpus(corpus: Write) -> None:
    articles, _ = read(corpus({"only.txt": PLAIN}) / "only.txt")
    assert list(articles) == ["only.txt"]


# --- JSONL -------------------------------------------------------------------------------------


def lines(*records: object) -> str:
    return "\n".join(r if isinstance(r, str) else json.dumps(r) for r in records) + "\n"


def test_jsonl_fields_become_the_article_and_the_rest_metadata(corpus: Write) -> None:
    record = {
        "id": "x-1",
        "url": "https://example.org/1",
        "title": "Ferries leave",
        "text": "The ferries left.\r\nThey came back.",
        "source": "Port Times",
        "published": "2025-03-30T08:00:00Z",
        "section": "Harbour",
        "tags": ["sea", "Fähre"],
    }
    line = json.dumps(record)
    article = read(corpus({"news.jsonl": line + "\n"}))[0]["x-1"]
    assert article.title == "Ferries leave"
    assert article.text == "The ferries left.\nThey came back."
    assert article.outlet == "Port Times"
    assert article.published == date(2025, 3, 30)
    assert article.url == "https://example.org/1"
    assert article.source_sha256 == hashlib.sha256(line.encode()).hexdigest()
    assert dict(article.metadata) == {"section": "Harbour", "tags": '["sea", "Fähre"]'}


@pytest.mark.parametrize(
    ("record", "doc_id"),
    [
        ({"id": "x", "url": "u"}, "x"),
        ({"id": 0}, "0"),
        ({"id": 17}, "17"),
        ({"url": "https://example.org/1"}, "https://example.org/1"),
        ({"id": "", "url": "u"}, "u"),
        ({"id": None}, "news.jsonl:1"),
        ({}, "news.jsonl:1"),
    ],
    ids=["id first", "zero", "number", "url", "empty id", "null", "place in the file"],
)
def test_a_record_is_named_by_id_then_url_then_place(
    corpus: Write, record: dict[str, object], doc_id: str
) -> None:
    articles, _ = read(corpus({"news.jsonl": lines(record | {"text": "Ferries left."})}))
    assert list(articles) == [doc_id]


def test_the_publication_date_may_be_called_date(corpus: Write) -> None:
    lines = [
        {"id": "a", "text": "One.", "date": "2024-11-03"},
        {"id": "b", "text": "Two.", "date": "2024-11-03", "published": "2024-11-04"},
        {"id": "c", "text": "Three.", "date": "soon"},
    ]
    root = corpus({"a.jsonl": "".join(json.dumps(line) + "\n" for line in lines)})
    articles, _ = read(root)
    found = [articles[name].published for name in ("a", "b", "c")]
    assert found == [date(2024, 11, 3), date(2024, 11, 4), None]
    assert articles["c"].metadata["date"] == "soon"


def test_outlet_may_be_called_outlet_and_a_bad_date_is_kept_as_metadata(corpus: Write) -> None:
    record = {"id": "a", "text": "Ferries left.", "outlet": "Port Times", "published": "last week"}
    article = read(corpus({"news.jsonl": lines(record)}))[0]["a"]
    assert (article.outlet, article.published) == ("Port Times", None)
    assert dict(article.metadata) == {"published": "last week"}


def test_a_record_without_fields_is_read_like_a_plain_text(corpus: Write) -> None:
    text = "Harbour Reopens After Storm\n\nThe harbour reopened.\nport.org\nMarch 30, 2025"
    article = read(corpus({"news.jsonl": lines({"id": "a", "text": text})}))[0]["a"]
    assert article.title == "Harbour Reopens After Storm"
    assert (article.outlet, article.published) == ("port.org", date(2025, 3, 30))


def test_each_bad_line_is_skipped_by_name_and_the_rest_goes_on(corpus: Write) -> None:
    content = lines(
        {"id": "first", "text": "The first one."},
        "{not json",
        "[1, 2]",
        {"title": "No text here"},
        {"text": 5},
        {"text": "  \n"},
        '{"text": "half \\ud800 pair"}',
        '{"text": "zero \\u0000 here"}',
        '{"text": "endless", "n": ' + "9" * 5_000 + "}",
        '{"text": "deep", "n": ' + "[" * 2_000 + "]" * 2_000 + "}",
        "",
        {"id": "big", "text": "x" * 20_000},
        {"id": "first", "text": "Another text."},
        {"id": "copy", "text": "The first one."},
        {"id": "last", "text": "The last one."},
    ).encode()
    content = codecs.BOM_UTF8 + content.replace(b"[1, 2]", b"[1, 2]\r") + b'{"text": "\xff"}'
    articles, skipped = read(corpus({"news.jsonl": content}), max_bytes=10_000)
    assert list(articles) == ["first", "last"]
    assert skipped == {
        "news.jsonl:2": "malformed",
        "news.jsonl:3": "malformed",
        "news.jsonl:4": "no_text",
        "news.jsonl:5": "no_text",
        "news.jsonl:6": "empty",
        "news.jsonl:7": "undecodable",
        "news.jsonl:8": "binary",
        "news.jsonl:9": "malformed",
        "news.jsonl:10": "malformed",
        "news.jsonl:12": "oversized",
        "first": "duplicate_id",
        "copy": "duplicate",
        "news.jsonl:16": "undecodable",
    }


def test_nesting_of_any_depth_stops_no_build(corpus: Write) -> None:
    # Around 990 levels reading succeeds and writing fails, depending on the stack above.
    for depth in range(900, 1_000, 5):
        nested = '{"text": "deep", "n": ' + "[" * depth + "]" * depth + "}"
        articles, _ = read(corpus({"a.jsonl": nested + "\n" + lines({"id": "b", "text": "Next."})}))
        assert "b" in articles


def test_a_text_whose_first_bearer_was_skipped_is_not_lost(corpus: Write) -> None:
    content = lines(
        {"id": "a", "text": "One."},
        {"id": "a", "text": "Two."},  # skipped: the id is taken
        {"id": "b", "text": "Two."},  # so this is the only bearer of its text
        {"id": "c", "text": "One."},  # skipped: the text is known
        {"id": "c", "text": "Three."},  # so its id is still free
    )
    articles, skipped = read(corpus({"news.jsonl": content}))
    assert {i: a.text for i, a in articles.items()} == {"a": "One.", "b": "Two.", "c": "Three."}
    assert skipped == {"a": "duplicate_id", "c": "duplicate"}


def test_an_oversized_only_record_is_reported_once(corpus: Write) -> None:
    root = corpus({"a.jsonl": lines({"text": "x" * 2_000}), "b.jsonl": b""})
    items = list(read_articles(scan(root), max_bytes=1_000))
    assert [(i.path, i.reason) for i in items if isinstance(i, Skipped)] == [
        ("a.jsonl:1", "oversized"),
        ("b.jsonl", "empty"),
    ]
    assert len(items) == 2
