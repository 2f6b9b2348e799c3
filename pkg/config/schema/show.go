package schema

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
)

// Hidden stands for a secret in what is shown.
const Hidden = "(hidden)"

// Show is a plain value for people, a secret hidden; "" when it is not set. Texts of
// several lines, such as certificates, are shown by their length and digest.
func (r *Rule) Show(value any, set bool) string {
	switch {
	case !set:
		return ""
	case r.Secret:
		return Hidden
	}
	switch v := value.(type) {
	case string:
		if lines := strings.Count(strings.TrimSpace(v), "\n") + 1; lines > 1 {
			return fmt.Sprintf("(%d lines, sha256 %.4x)", lines, sha256.Sum256([]byte(v)))
		}
		return v
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, fmt.Sprint(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // & stays &
	_ = encoder.Encode(value)
	return strings.TrimSuffix(text.String(), "\n")
}
