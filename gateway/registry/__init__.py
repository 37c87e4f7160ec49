"""What is on record: clients, licences, cases, authorisations, galleries. Decides nothing."""
