"""A Gemini API emulator: the REST surface of the Developer API, answered by classical vision.

It looks at colours, edges and frontal faces; it recognises nothing. What it says is true of the pixels and
in the shape a model would answer in, which is what the pipeline, its tests and a demo need.
"""
