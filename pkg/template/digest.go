package template

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Digest identifies the content of a YAML text: it is the same whatever the
// order of keys, the white space and the comments, and another for any other value.
func Digest(text []byte) (string, error) {
	root, err := decode(text)
	if err != nil {
		return "", fmt.Errorf("digest manifest: %w", err)
	}
	if err := Bounded(root); err != nil {
		return "", fmt.Errorf("digest manifest: %w", err)
	}
	canonical, err := json.Marshal(forJSON(root)) // sorts the keys
	if err != nil {
		return "", fmt.Errorf("digest manifest: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// forJSON makes keys and values what JSON can hold, with their types in them: it
// knows no other keys than strings, no NaN, and would make 1 of 1.0.
func forJSON(value any) any {
	switch v := value.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out[fmt.Sprintf("%T %v", key, key)] = forJSON(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			out["string "+key] = forJSON(item)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = forJSON(item)
		}
		return out
	case string, float64:
		return fmt.Sprintf("%T %v", v, v)
	}
	return value
}
