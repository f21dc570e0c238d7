"""Very many images by batch jobs, with the tick killed again and again."""
