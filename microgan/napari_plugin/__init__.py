"""Plugin of napari: widgets that restore and train, and sample images.

`napari.yaml` names them for napari; each is imported when it is opened.
"""
