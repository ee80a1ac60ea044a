"""Virtual switches: a vendor's command line, written from the vendor's documents, that forwards real packets."""
