"""The network part of the policy: intent, ACLs, device states, route policies."""
