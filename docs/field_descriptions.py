"""An extension of griffe, which reads the source for the API pages: fields of pydantic's models.

A field's `description` is its docstring, and its default is the value that is shown.
"""

import ast
from typing import Any

import griffe


class FieldDescriptions(griffe.Extension):
    """Takes `Field(default, description=...)` apart."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Give a field the docstring and the value that its `Field` holds."""
        call = attr.value
        if not isinstance(call, griffe.ExprCall) or str(call.function) != "Field":
            return
        options = {a.name: a.value for a in call.arguments if isinstance(a, griffe.ExprKeyword)}
        defaults = [a for a in call.arguments if not isinstance(a, griffe.ExprKeyword)]
        if "description" in options and attr.docstring is None:
            text = str(ast.literal_eval(str(options["description"])))
            attr.docstring = griffe.Docstring(text, parent=attr)
        attr.value = defaults[0] if defaults else None
