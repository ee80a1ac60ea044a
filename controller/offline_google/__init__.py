"""The offline Google: what a Pulumi engine deploys to where there is no Google. It is a stand-in, and says so."""
