"""The README's tables of speed and size: where the time goes, what grows, what many users meet."""

from __future__ import annotations

from typing import Any

NOT_YET = "Not measured yet."


def _table(*rows: tuple[object, ...]) -> list[str]:
    """Markdown lines; the first row is the heading."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return lines


def profile(results: dict[str, Any]) -> str:
    """A cold ask, a warm answer and indexing, stage by stage, beside their limits."""
    found = results.get("profile")
    if not found:
        return NOT_YET
    limits = found["limits"]
    cold = [("a cold ask", "seconds, one after the other")]
    cold += [(stage, f"{seconds:.2f}") for stage, seconds in found["cold_s"].items()]
    cold.append(
        (
            "**the command, whole** (networks load while the rest is imported)",
            f"**{found['cold_whole_s']:.2f}**",
        )
    )
    warm = [("a warm answer (seeds)", "milliseconds, mean")]
    warm += [(stage, f"{ms:.1f}") for stage, ms in found["warm_ms"].items()]
    warm.append(("**whole**", f"**{sum(found['warm_ms'].values()):.1f}**"))
    lines = [*_table(*cold), "", *_table(*warm), ""]
    lines.append(
        f"Limits: the two networks' {limits['form_mb']:.0f} MB are read in "
        f"{limits['read_forms_s']:.2f} s; the matrix products of a question of 16 word pieces take "
        f"{limits['question_ms']:.1f} ms and those of five passages of 144 "
        f"{limits['five_passages_ms']:.0f} ms at the {limits['matrix_gflop_per_s']:,} GFLOP/s that "
        "a bfloat16 matrix product reaches here."
    )
    if indexing := results.get("indexing"):
        rounds = indexing["rounds"]
        lines += [
            "",
            *_table(
                ("indexing, characters of article a second", *range(1, len(rounds) + 1)),
                ("rag", *(f"{one['ours']:,}" for one in rounds)),
                ("LangChain tutorial", *(f"{one['langchain']:,}" for one in rounds)),
            ),
            "",
            f"In turns, {indexing['articles']} articles of news, {indexing['characters']:,} "
            f"characters, whole processes: {indexing['ratio']} times as many (aim: 5).",
        ]
        if "stages" in indexing:
            lines += ["", *_indexing_stages(indexing)]
    if "now" in (versions := results.get("versions", {})):
        lines += ["", *_versions(versions)]
    return "\n".join(lines)


def _indexing_stages(found: dict[str, Any]) -> list[str]:
    rows: list[tuple[object, ...]] = [
        ("indexing, one stage after the other", "seconds", "seconds of all cores")
    ]
    rows += [(stage, took["s"], took["core_s"]) for stage, took in found["stages"].items()]
    whole = [
        round(sum(took[key] for took in found["stages"].values()), 1) for key in ("s", "core_s")
    ]
    rows.append(("**sum** (a build encodes beside the rest)", *(f"**{value}**" for value in whole)))
    limit = (
        f"The same articles, {found['passages']:,} passages. Limit: the matrix products of encoding "
        f"take {found['encode_limit_s']} s at the rate of a bfloat16 matrix product then."
    )
    return [*_table(*rows), "", limit]


def _versions(found: dict[str, Any]) -> list[str]:
    before, now, articles = found["before"], found["now"], found["articles"]
    return _table(
        ("in turns", "before speed was worked on", "now"),
        ("cold `ask`, seeds, s", *(f"{one['cold_s']:.2f}" for one in (before, now))),
        ("warm answer, seeds, median ms", *(f"{one['warm_ms']:.1f}" for one in (before, now))),
        (
            f"indexing {articles} articles of news, s",
            *(f"{one['index_s']:.1f}" for one in (before, now)),
        ),
    )


def growth(results: dict[str, Any]) -> str:
    """One row a size."""
    found = results.get("growth")
    if not found:
        return NOT_YET
    rows: list[tuple[object, ...]] = [
        (
            "passages", "build, s", "peak MB, build", "disk, MB", "first answer, s",
            "answer, median / 95th percentile, ms", "search alone, ms", "peak MB, answering",
            "agrees with exact search",
        )
    ]  # fmt: skip
    for size in found["sizes"]:
        exact = "is exact" if size["exact_search"] else f"{100 * size['agreement']:.1f} %"
        rows.append(
            (
                f"{size['passages']:,}", f"{size['build_s']:,.0f}", f"{size['build_peak_mb']:,}",
                f"{size['disk_mb']:,}", size["first_s"],
                f"{size['answer']['median_ms']} / {size['answer']['p95_ms']}",
                f"{size['search']['median_ms']} / {size['search']['p95_ms']}",
                f"{size['answer_peak_mb']:,}", exact,
            )
        )  # fmt: skip
    return "\n".join(_table(*rows))


def serving(results: dict[str, Any]) -> str:
    """One who asks, and twenty at once."""
    found = results.get("serving")
    if not found:
        return NOT_YET
    one, many = found["one"], found["at_once"]
    where = f"{found['passages']:,} passages of {found['of']}"
    return "\n".join(
        _table(
            ("who asks", "n", "median, ms", "95th percentile, ms", "aim", "over what"),
            ("one", one["n"], one["median_ms"], one["p95_ms"], "80 / 160", where),
            (
                f"{found['users']} at once, each the next question as soon as the last is answered",
                many["n"], many["median_ms"], many["p95_ms"], "– / 1,500", "the same",
            ),
        )
    )  # fmt: skip


def remote(results: dict[str, Any]) -> str:
    """Milvus and PostgreSQL beside the embedded index."""
    found = results.get("remote")
    if not found or "skipped" in found:
        return NOT_YET
    rows: list[tuple[object, ...]] = [
        ("index", "articles/s into it", "answer, median / 95th percentile, ms")
    ]
    for name, label in (("embedded", "embedded"), ("remote", "Milvus Lite and PostgreSQL")):
        one = found[name]
        answer = f"{one['answer']['median_ms']} / {one['answer']['p95_ms']}"
        rows.append((label, one["articles_per_s"], answer))
    return "\n".join(
        [
            *_table(*rows),
            "",
            f"{found['articles']} articles of the 2022 news, {found['embedded']['passages']:,} "
            f"passages, {found['questions']} questions: the same citations for "
            f"{100 * found['agreement']:.1f} %, the same five passages read for "
            f"{100 * found['same_first_5']:.1f} %. Milvus Lite is a server for tests, written in "
            "Python: its times say little of Milvus.",
        ]
    )
