"""What the buttons on an image ask for: its card, the way back, its removal. Nobody types these."""
