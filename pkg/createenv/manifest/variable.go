package manifest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// telling are parts of variables' names that tell a secret.
var telling = []string{"password", "secret", "token", "private", "key", "credential"}

// Secrets are the values that the variables' names tell to be secret.
func Secrets(vars map[string]any) []secret.Value {
	var out []secret.Value
	var walk func(name string, value any)
	walk = func(name string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for k, inner := range v {
				walk(name+"/"+k, inner)
			}
		case map[any]any:
			for k, inner := range v {
				walk(fmt.Sprintf("%s/%v", name, k), inner)
			}
		case []any:
			for _, inner := range v {
				walk(name, inner)
			}
		case string:
			for _, t := range telling {
				if strings.Contains(strings.ToLower(name), t) {
					out = append(out, secret.New(v))
					return
				}
			}
		case secret.Value:
			out = append(out, v)
		}
	}
	for k, v := range vars {
		walk(k, v)
	}
	return out
}

// plain turns the variables into what bosh-cli's templates know, and reveals
// secret values: from here on they are in memory and in the rendered CPI job.
func plain(value any) any {
	switch v := value.(type) {
	case secret.Value:
		return v.Reveal()
	case map[string]any:
		out := map[any]any{}
		for k, inner := range v {
			out[k] = plain(inner)
		}
		return out
	case map[any]any:
		out := map[any]any{}
		for k, inner := range v {
			out[k] = plain(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = plain(inner)
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = inner
		}
		return out
	case json.Number:
		return v.String()
	}
	return value
}
