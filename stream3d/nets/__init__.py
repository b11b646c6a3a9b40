"""The nets as torch modules, and the readers of the files that their weights come from."""
