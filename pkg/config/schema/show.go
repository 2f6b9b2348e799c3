package schema

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
)

// Hidden stands for a secret in what is shown.
const Hidden = "(hidden)"

// Value is the plain value in c, nil when it is not set.
func (f Field[T]) Value(c *T) any {
	if !f.Set(c) {
		return nil
	}
	return f.Plain(c)
}

// Show is the value in c for people; "" when it is not set.
func (f Field[T]) Show(c *T) string { return f.Rule.Show(f.Value(c), f.Set(c)) }

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
	text, _ := json.Marshal(value)
	return string(text)
}
