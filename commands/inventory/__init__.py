"""What is installed in an image, read out of its files, and how two images differ in that."""
