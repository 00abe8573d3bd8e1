"""What a new image is made from: its Dockerfile, build context, labels, tag, and the check of the result."""
