"""The only place where bytes of the wire are parsed or made. `protocol/spec.md` is normative."""
