"""What brings objects in, and what is known of them."""
