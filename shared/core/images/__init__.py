"""Images of every format: probed before a pixel is decoded, judged, and prepared for the model."""
