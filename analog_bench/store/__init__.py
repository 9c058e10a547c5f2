"""What is kept on disk: run files, baselines, and where and how a run was made."""
