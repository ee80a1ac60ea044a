"""What platforms share: managed and unmanaged objects, replacement names, redaction, the own restore."""
