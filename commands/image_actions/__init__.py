"""The actions of the buttons on an image: its card, roll back, removal. These are never typed."""
