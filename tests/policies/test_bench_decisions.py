"""The bench that compares decision times asks everybody the same, and would notice a different answer."""

from bench import decisions
from policies.facts import Facts


def test_every_engine_answers_the_same_at_a_small_size(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["decisions", "--rules", "60", "--requests", "12", "--ours", "50"])
    assert decisions.main() == 0
    told = capsys.readouterr().out
    assert "60 rules, 12 questions to everybody, 0 answered differently" in told
    assert all(name in told for name in ("casbin", "cedarpy", "regopy"))


def test_an_engine_that_answers_differently_is_noticed(capsys, monkeypatch):
    def contrary(rulebook):
        honest = decisions.ours(rulebook)
        return lambda facts: isinstance(facts, Facts) and not honest(facts)

    engines = (decisions.ENGINES[0], decisions.Engine("contrary", contrary, 10**9))
    monkeypatch.setattr(decisions, "ENGINES", engines)
    monkeypatch.setattr("sys.argv", ["decisions", "--rules", "60", "--requests", "12", "--ours", "50"])
    assert decisions.main() == 1
    assert "12 answered differently" in capsys.readouterr().out
