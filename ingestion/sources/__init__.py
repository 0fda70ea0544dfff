"""One module a vendor; each declares VENDOR (its streams, credentials, quirks). The registry finds them by name."""
