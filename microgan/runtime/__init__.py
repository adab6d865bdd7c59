"""Starting TensorFlow, number formats, memory and progress: nothing about images."""
