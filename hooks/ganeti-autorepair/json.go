package main

import (
	"encoding/json"
	"io"
)

// jsonVersion is the version of everything written as JSON. Keys may be added
// within a version; none is removed, renamed or given another meaning. The
// schemas are in the directory schema.
const jsonVersion = 1

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
