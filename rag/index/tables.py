"""The article store's tables, and how they are made: in SQLite and in PostgreSQL alike.

What differs is marked: SQLite's phrase index is an FTS5 table, PostgreSQL's an array of numbers a
text, and PostgreSQL keeps two columns that SQLite has by itself or computes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn, CreateSchema

_POSTGRESQL_ONLY = {"postgresql_only": True}

_metadata = MetaData()
# By code point, as SQLite and Python sort: PostgreSQL would go by its database's language.
_Text = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite counts by itself only where the type is called INTEGER.
_Number = BigInteger().with_variant(Integer(), "sqlite")

articles = Table(
    "articles",
    _metadata,
    Column("id", _Number, primary_key=True),
    Column("doc_id", _Text, nullable=False, unique=True),
    Column("title", _Text, nullable=False),
    Column("outlet", _Text),
    Column("published", _Text),
    Column("url", _Text),
    Column("text", _Text, nullable=False),
    Column("sha256", _Text, nullable=False),
    Column("source_sha256", _Text, nullable=False),
    Column("metadata", _Text, nullable=False),
    Column("digest", _Text, nullable=False),
    # What SQLite's function ``folded`` makes of title, outlet and doc_id.
    Column("folded", _Text, nullable=False, info=_POSTGRESQL_ONLY),
)
passages = Table(
    "passages",
    _metadata,
    Column("id", _Number, primary_key=True),
    Column("passage_id", _Text, nullable=False, unique=True),
    Column("article", _Number, ForeignKey(articles.c.id), nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("sentences", LargeBinary, nullable=False),
)
skipped = Table(
    "skipped",
    _metadata,
    Column("path", _Text, nullable=False),
    Column("reason", _Text, nullable=False),
    Column("detail", _Text, nullable=False),
    Column("rowid", BigInteger, Identity(), info=_POSTGRESQL_ONLY),  # the order they came in
)
uploaded = Table(
    "uploaded",
    _metadata,
    Column("doc_id", _Text, primary_key=True),
    Column("file", _Text, nullable=False),
)
copies = Table(
    "copies",
    _metadata,
    Column("article", _Number, ForeignKey(articles.c.id), primary_key=True),
    Column("story", Integer),
    Column("runs", Integer, nullable=False),
    Column("minhash", LargeBinary, nullable=False),
)
# In SQLite an FTS5 table of this name, whose ``grams`` are words.
phrases = Table(
    "phrases",
    _metadata,
    Column("rowid", _Number, ForeignKey(articles.c.id), primary_key=True),
    Column("grams", ARRAY(Integer), nullable=False),
)
facts = Table(
    "facts",
    _metadata,
    Column("name", _Text, primary_key=True),
    Column("value", _Text, nullable=False),
)
terms = Table(
    "terms",
    _metadata,
    Column("term", _Text, primary_key=True),
    Column("passages", Integer, nullable=False),
)
Index("passages_by_article", passages.c.article)
_copies_by_story = Index(
    "copies_by_story", copies.c.story, sqlite_where=copies.c.story.is_not(None)
)
# These two hold all that their readers ask for: none of them walks through the texts.
Index(
    "articles_listing", *(articles.c[name] for name in ("doc_id", "title", "outlet", "published"))
).ddl_if(dialect="sqlite")  # a row of PostgreSQL's indexes has no room for any title
Index("articles_by_text", articles.c.sha256, articles.c.doc_id)
_phrases_by_gram = Index("phrases_by_gram", phrases.c.grams)

_EMBEDDED = [articles, passages, skipped, uploaded, copies]
_FTS5 = (
    "CREATE VIRTUAL TABLE phrases USING fts5("
    "grams, content='', detail=none, columnsize=0, tokenize='ascii')"
)


@compiles(CreateColumn, "sqlite")
def _create_column(create: CreateColumn, compiler: Any, **options: Any) -> str | None:
    if create.element.info == _POSTGRESQL_ONLY:
        return None
    made: str = compiler.visit_create_column(create, **options)
    return made


def create_tables(connection: Connection, *, alone: bool, schema: str | None) -> None:
    """Make the tables; ``alone``: also what an index keeps in files of its own, where it has a
    folder (``facts``, ``terms``)."""
    if connection.dialect.name == "sqlite":
        _metadata.create_all(connection, _EMBEDDED, checkfirst=False)
        connection.exec_driver_sql(_FTS5)
    else:
        _say_for_postgresql()
        if schema is not None:
            connection.execute(CreateSchema(schema, if_not_exists=True))
        _metadata.create_all(connection, [*_EMBEDDED, phrases], checkfirst=False)
    if alone:
        _metadata.create_all(connection, [facts, terms], checkfirst=False)


def _say_for_postgresql() -> None:
    """Not where the tables are defined: naming an option imports the dialect that it is for, and
    whoever asks an index in a folder would wait for that."""
    # Texts lie beside the table, so a list of articles walks through none of them.
    articles.dialect_kwargs["postgresql_with"] = {"toast_tuple_target": 256}
    _copies_by_story.dialect_kwargs["postgresql_where"] = copies.c.story.is_not(None)
    # Without fastupdate's waiting list, which every look-up reads from end to end: 45 ms, not 0.3.
    _phrases_by_gram.dialect_kwargs["postgresql_using"] = "gin"
    _phrases_by_gram.dialect_kwargs["postgresql_with"] = {"fastupdate": False}
