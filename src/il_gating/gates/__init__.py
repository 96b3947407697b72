"""Gates, one per file; names in `il_gating.api.GATES`."""
