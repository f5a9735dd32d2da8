"""The only room that touches the file system: layout, lock, ledger, spool, writer, publishing."""
