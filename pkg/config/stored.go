package config

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/state"
)

// stored is how the configuration is kept in the state store. A change of the schema
// that older documents do not fit adds a migration.
var stored = state.Format{Kind: "configuration"}

// Encode is c as the state store keeps it: JSON with a schema number and the secrets
// in clear, since the store is where secrets are kept. The section state is left out,
// because it says where the store is, and so are the keys in Reset.
func Encode(c *Config) ([]byte, error) {
	content := Keys().Tree(c)
	delete(content, "schema")
	delete(content, "state")
	if len(content) == 0 {
		return nil, fmt.Errorf("encode configuration: it is empty")
	}
	return stored.Encode(content)
}

// Decode reads what Encode wrote; name is what errors call it. It fails with a
// *state.NewerError when a later release wrote it. What does not fit the schema, since
// an earlier release allowed it, is left out and in Stale.
func Decode(name string, body []byte) (*Config, error) {
	var fields map[string]json.RawMessage
	if err := stored.Decode(name, body, &fields); err != nil {
		return nil, err
	}
	content := map[string]any{}
	for key, text := range fields {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("decode configuration %s: it is damaged: %w", name, err)
		}
		content[key] = plainNumbers(value)
	}
	stale, err := Keys().Prune(content)
	if err != nil {
		return nil, err
	}
	c, err := Keys().FromTree(content)
	if err != nil {
		return nil, fmt.Errorf("decode configuration %s: %w", name, err)
	}
	for i := range stale {
		stale[i].File = name
	}
	c.Schema, c.Stale = 1, stale
	return c, nil
}

// plainNumbers turns the numbers in a tree into int where they are whole, as YAML has
// them, so that a variable 8080 does not come back as 8080.0.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		n, _ := v.Float64()
		return n
	case map[string]any:
		for key, value := range v {
			v[key] = plainNumbers(value)
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	}
	return v
}
