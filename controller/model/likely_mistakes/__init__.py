"""What people most likely meant where a policy file cannot be read: said in words, with what to write instead.

The parser and pydantic say what they found wrong; these say what a person did: a full-width character, a merge that is
not ended, a netmask, a table of a spreadsheet.
"""
