"""Scores, tables and figures."""

# All names start alike; a figure per task is added: scores_TASK.png.
SCORE_FILES = ("scores.md", "scores.csv", "scores.json", "scores_per_image.csv")
