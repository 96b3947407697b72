"""The policies behind the names in `il_policy.api.POLICIES`."""
