"""The working folder: what lies where, records, the ledger of steps, one run at a time."""
