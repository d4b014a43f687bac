"""What people decide, here and in other labelling programs."""
