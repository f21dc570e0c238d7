"""What a job leaves behind: the documents, the files beside them, and their schemas."""
