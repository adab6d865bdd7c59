"""Scores, tables and figures."""

# In the order in which they are written: with the last one, a run is finished.
# One figure per task is written before: scores_TASK.png.
SCORE_FILES = ("scores.md", "scores.csv", "scores_per_image.csv", "scores.json")
DEFECT_FILES = ("defect_report.md", "defect_report.json", "defect_report.csv",
                "defect_report.png")
# truth.csv needs known truth; the worst stack needs several.
Z_STACK_FILES = (
    "z_stack_slices.csv", "z_stack_structure.csv", "z_stack_depth.csv", "z_stack_truth.csv",
    "z_stack_report.json", "z_stack_slices.png", "z_stack_sections.png", "z_stack_gradients.png",
    "z_stack_views_worst.png", "z_stack_cells_worst.png", "z_stack_views_median.png",
    "z_stack_cells_median.png", "z_stack_consistency.png", "z_stack_report.html")
