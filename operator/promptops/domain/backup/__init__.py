"""What a backup keeps, and what becomes of it when it is put back."""
