"""What several tests need. Not part of the package."""
