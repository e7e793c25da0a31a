"""What is made ready to render, and rendered."""
