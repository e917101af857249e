"""TensorBoard: event files of runs, and its pages."""
