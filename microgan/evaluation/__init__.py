"""Scores, tables and figures."""

# In the order in which they are written: with the last one, a run is finished.
# A figure per task comes before: scores_TASK.png.
SCORE_FILES = ("scores.md", "scores.csv", "scores_per_image.csv", "scores.json")
DEFECT_FILES = ("defect_report.md", "defect_report.json", "defect_report.csv",
                "defect_report.png")
