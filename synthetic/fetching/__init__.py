"""Issues from GitHub and from exports."""
