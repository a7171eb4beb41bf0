"""The random documents have every feature among them; otherwise the tests on them prove little."""

from hypothesis import HealthCheck, Phase, given, seed, settings

from reference.features import EVERY_FEATURE, features
from reference.strategies import documents


def test_random_documents_have_every_feature():
    seen: set[str] = set()

    @seed(0)
    @settings(
        max_examples=600,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(documents())
    def collect(document):
        seen.update(features(document))

    collect()
    assert EVERY_FEATURE - seen == set()
