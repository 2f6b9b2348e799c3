// Package schema reads a file that people write, in YAML, against a JSON schema. It knows
// the line of each key, words what is wrong, and writes new files. It knows nothing of
// what the keys are for.
package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Options are what a schema itself does not say about its file.
type Options struct {
	File    string // "perpetual.yml": what people call such a file
	Program string // "Perpetual": whose releases read it
	Sample  string // "name: ci": a line of such a file
	// YAML11 is a key below which values are read as YAML 1.1 has them: "manifest.vars".
	YAML11 string
}

// Schema is a JSON schema (draft 2020-12) of a file.
type Schema struct {
	Options
	root *Rule
	keys []string // that hold values, in the order of the file
	// compiled is the schema as a validator, made when it is first wanted.
	compiled func() (*jsonschema.Schema, error)
}

// New reads a schema. Its keys are in the order of the alphabet until Order says another.
func New(text []byte, o Options) (*Schema, error) {
	s := &Schema{Options: o, root: &Rule{}}
	if err := json.Unmarshal(text, s.root); err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", o.File, err)
	}
	s.keys = s.root.keys("")
	s.compiled = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(text, o.File) })
	return s, nil
}

// Order says in which order files have the keys that hold values.
func (s *Schema) Order(keys []string) { s.keys = keys }

// Rule is that of a key, nil where the schema lacks it.
func (s *Schema) Rule(key string) *Rule {
	at := s.root
	for name := range strings.SplitSeq(key, ".") {
		if at = at.Properties[name]; at == nil {
			return nil
		}
	}
	return at
}

// compile makes a validator of a schema.
func compile(text []byte, file string) (*jsonschema.Schema, error) {
	const url = "bundled.schema.json"
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", file, err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(url, document); err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", file, err)
	}
	schema, err := compiler.Compile(url)
	if err != nil {
		return nil, fmt.Errorf("compile the schema of %s: %w", file, err)
	}
	return schema, nil
}
