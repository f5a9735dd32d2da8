"""The vendor's Management API: tokens, transport, protocol, pace and retry, and whole proven windows."""
