"""What others work with, made from results: COCO datasets, flat lines for tables, arrays."""
