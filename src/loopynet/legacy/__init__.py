"""Reader of the network files of the 2016 loopy-CNN library: Python literals become our YAML.

Start at `importer.py`: text -> `literal.py` -> `sections.py`, `layers.py`, `stacks.py` -> a spec.
"""

from loopynet.legacy.importer import ImportedSpec, import_legacy
from loopynet.legacy.yaml_text import to_yaml

__all__ = ["ImportedSpec", "import_legacy", "to_yaml"]
