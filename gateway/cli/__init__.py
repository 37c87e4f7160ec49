"""The command line. Every command has --json and documented exit codes."""
