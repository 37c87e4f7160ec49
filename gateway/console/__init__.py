"""The console: pages for the people who administer, review and audit. Everything it does, the API and the command line do too."""
