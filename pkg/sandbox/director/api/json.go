package api

import (
	"bytes"
	"encoding/json"
)

// Encode is JSON as Ruby's generator writes it: no HTML escapes, no newline.
func Encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // only values of the simulator get here
		return []byte("null")
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
