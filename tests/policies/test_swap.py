"""Swapping the rulebook while others decide: every answer belongs wholly to one rulebook."""

import threading

from policies.decision import Permit
from policies.judge import Judge
from policies.rulebook import build

SWAPS = 500
THREADS = 8


def test_no_answer_belongs_to_no_single_rulebook_while_eight_threads_decide_and_the_rulebook_is_swapped(facts):
    """The books contradict each other on each question, so a mixture of two would show as an answer that neither gives."""
    deny = {"rule": "OWN-1", "effect": "deny", "sentence": "Nobody this hour."}
    books = [
        build(["baseline"]),
        build(["baseline"], own_rules=[deny | {"purpose": "missing_person"}]),
        build(["baseline"], own_rules=[deny | {"purpose": "identity_verification"}]),
        build(["baseline", "vendor-ibm-exit"]),
    ]
    questions = [
        facts(),
        facts(purpose="identity_verification", operation="verify", target={}, capture={"source": "upload"}),
        facts(case={}),
    ]
    right = {book.digest: [Judge(book).decide(question) for question in questions] for book in books}
    judge = Judge(books[0], sample_every=50)
    wrong, counts, over = [], [], threading.Event()

    def ask():
        given = 0
        while not over.is_set():
            for position, question in enumerate(questions):
                answer = judge.decide(question)
                given += 1
                if answer != right[answer.rulebook][position]:
                    wrong.append((position, answer))
        counts.append(given)

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for turn in range(SWAPS):
        judge.swap(books[turn % len(books)])
    over.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(counts) > SWAPS
    assert {isinstance(answers[0], Permit) for answers in right.values()} == {True, False}


def test_a_rulebook_that_cannot_be_judged_by_leaves_the_old_one_in_place(facts):
    from dataclasses import replace

    import pytest

    from policies.errors import RulebookRefused

    book = build(["baseline"])
    judge = Judge(book)
    with pytest.raises(RulebookRefused):
        judge.swap(replace(book, model=""))
    assert judge.rulebook is book
    assert isinstance(judge.decide(facts()), Permit)
