"""`report.html` of a run or of a comparison. Start with `run_page.py`."""

from loopynet.report.comparison_page import report_comparison
from loopynet.report.run_page import report_run

__all__ = ["report_comparison", "report_run"]
