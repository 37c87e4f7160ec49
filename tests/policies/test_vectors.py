"""The shared sample of decision vectors, for the packs that exist."""

import json

from policies.packs import names
from policies.rehearsal import read_vectors, rehearse
from policies.vocabulary import Vocabulary


def test_every_shared_vector_whose_packs_exist_is_answered_as_it_expects(shared_vectors):
    here = set(names())
    lines = [line for line in shared_vectors if here.issuperset(json.loads(line).get("packs", []))]
    results = rehearse(lines)
    assert [f"{result.id}: {'; '.join(result.wrong)}" for result in results if not result.passed] == []
    assert len(results) >= 36


def test_the_shared_file_is_read_whole(shared_vectors):
    assert len(read_vectors(shared_vectors)) == len(shared_vectors) - 1


def test_the_vocabulary_knows_every_word_that_the_vectors_are_written_in(shared_vectors):
    words = Vocabulary.shipped()
    enums = json.loads(shared_vectors[0])["enums"]
    lists = {
        "client.kind": "clients",
        "operation": "operations",
        "purpose": "purposes",
        "authorisation.type": "authorisations",
        "authorisation.status": "status",
        "gallery.provenance": "provenance",
        "capture.source": "source",
        "capture.space": "space",
        "target.kind": "target",
        "case.suspicion": "suspicion",
    }
    assert set(lists) == set(enums)
    for field, of in lists.items():
        assert set(enums[field]) == set(words.words(of)), field
