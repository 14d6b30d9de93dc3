"""Retrieval measures, by ``ir_measures``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

MEASURES = ("Success@1", "Success@5", "Success@10", "R@10", "RR", "nDCG@10")


def score_rankings(
    qrels: Mapping[str, Mapping[str, int]], rankings: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """Score rankings against relevance judgements.

    Args:
        qrels: For each query the relevance of each judged document: 0 not relevant, higher is
            better (the gain of nDCG; the others take 1 and above as relevant).
        rankings: For each query its documents, best first, each once.

    Returns:
        For each measure of ``MEASURES`` and each query of ``qrels`` its value in [0, 1]; a query
        without a ranking scores 0. ``RR`` is the reciprocal rank of the first relevant document,
        ``Success@k`` is 1 if one stands among the first k, ``R@10`` the share of the relevant
        ones among the first 10. No entries for queries without a relevant document.

    Raises:
        ValueError: A ranking names a document twice.

    Source: the definitions of trec_eval, https://ir-measur.es/

    >>> score_rankings({"q": {"a": 1, "b": 1}}, {"q": ["x", "a", "y"]})["RR"]
    {'q': 0.5}
    """
    import ir_measures

    queries = [q for q, docs in qrels.items() if any(v > 0 for v in docs.values())]
    # trec_eval is C: queries go by number, whatever characters their ids have.
    judged = {str(number): dict(qrels[query]) for number, query in enumerate(queries)}
    runs: dict[str, dict[str, float]] = {}
    for number, query in enumerate(queries):
        ranking = rankings.get(query, ())
        if len(set(ranking)) != len(ranking):
            raise ValueError(f"the ranking of {query!r} names a document twice")
        # trec_eval sorts by score alone: distinct, falling scores keep the order.
        runs[str(number)] = {doc: float(len(ranking) - rank) for rank, doc in enumerate(ranking)}
    scores: dict[str, dict[str, float]] = {name: dict.fromkeys(queries, 0.0) for name in MEASURES}
    measures = [ir_measures.parse_measure(name) for name in MEASURES]
    for found in ir_measures.iter_calc(measures, judged, runs) if judged else ():
        scores[str(found.measure)][queries[int(found.query_id)]] = float(found.value)
    return scores
