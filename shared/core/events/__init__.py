"""What comes in and goes round: uploads, manifests and image events, as typed values."""
