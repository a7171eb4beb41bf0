"""Write docs/reference.md and docs/loopynet.schema.json from the code."""

import json
from pathlib import Path
from typing import Any

from loopynet.spec.json_schema import json_schema
from loopynet.spec.reference import reference_markdown

FOLDER = Path(__file__).parent


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    schema = in_lines(json_schema(), levels=4) + "\n"
    return {"reference.md": reference_markdown(), "loopynet.schema.json": schema}


def in_lines(value: Any, levels: int) -> str:
    """Return JSON with a line for each key of the outermost levels."""
    if levels == 0 or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = (f"{json.dumps(key)}: {in_lines(item, levels - 1)}" for key, item in value.items())
    return "{\n" + ",\n".join(inner) + "\n}"


if __name__ == "__main__":
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"wrote {FOLDER / name}")
