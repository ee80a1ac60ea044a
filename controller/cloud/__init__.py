"""The Pulumi engine: where staging and production are deployed; its errors are no errors of the virtual city."""
