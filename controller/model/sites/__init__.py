"""The files of `policies/city/`, and what stacks say of themselves."""
