"""The command line: `main` is the table, every command a file. Nothing here imports torch before it must."""
