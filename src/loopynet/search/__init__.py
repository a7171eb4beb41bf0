"""A search for the hyper-parameters of a network."""

from loopynet.search.run import search
from loopynet.search.space import Space, parse_space
from loopynet.search.table import search_table

__all__ = ["Space", "parse_space", "search", "search_table"]
