"""What ships is made of: the pinned requirements, and a bill of materials from them."""
