package schema_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// garden is a file with every kind of value.
type garden struct {
	Schema int               `yaml:"schema"`
	Name   string            `yaml:"name"`
	Beds   int               `yaml:"beds,omitempty"`
	Open   *bool             `yaml:"open,omitempty"`
	Key    secret.Value      `yaml:"key,omitempty"`
	Plants []string          `yaml:"plants,omitempty"`
	Labels map[string]string `yaml:"labels,omitempty"`
	Pond   *pond             `yaml:"pond,omitempty"`
	Shed   shed              `yaml:"shed,omitempty"`
	// Notes are left out of the file.
	Notes string `yaml:"-"`
}

// pond is a section that may be absent.
type pond struct {
	Depth int `yaml:"depth"`
	Fish  int `yaml:"fish,omitempty"`
}

// shed is a section that is always there.
type shed struct {
	Codes map[string]secret.Value `yaml:"codes,omitempty"`
	Vars  map[string]any          `yaml:"vars,omitempty"`
	Roof  roof                    `yaml:"roof,omitempty"`
}

type roof struct {
	Tiles int `yaml:"tiles,omitempty"`
}

const gardenSchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "additionalProperties": false,
  "properties": {
    "schema": {"description": "Version of the file.", "type": "integer", "enum": [1], "default": 1, "examples": [1]},
    "name": {"description": "Name of the garden. It is on the gate.", "type": "string", "minLength": 3, "maxLength": 8, "pattern": "^[a-z]*$", "patternErrorMessage": "want lower-case letters", "examples": ["rose"], "x-immutable": true, "default": "rose"},
    "beds": {"description": "Number of beds", "type": "integer", "minimum": 1, "maximum": 9, "default": 2},
    "open": {"description": "Whether visitors may come in.", "type": "boolean", "default": true},
    "key": {"description": "Key of the gate.", "type": "string", "minLength": 1, "pattern": "^k", "writeOnly": true, "examples": ["k-1"]},
    "plants": {"description": "What grows.", "type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true, "items": {"type": "string", "enum": ["rose", "oak"]}, "examples": [["rose", "oak"]], "x-looked-up": "what the shop has"},
    "labels": {"description": "Labels on the gate.", "type": "object", "minProperties": 1, "maxProperties": 2, "propertyNames": {"maxLength": 4, "patternErrorMessage": "want a short name"}, "additionalProperties": {"type": "string", "maxLength": 5}, "examples": [{"team": "a"}]},
    "pond": {"description": "The pond.", "type": "object", "additionalProperties": false, "x-aws": true, "properties": {
      "depth": {"description": "Depth in metres.", "type": "integer", "examples": [1], "x-aws": true},
      "fish": {"description": "Number of fish.", "type": "integer", "examples": [7], "x-aws": true}}},
    "shed": {"description": "The shed.", "type": "object", "additionalProperties": false, "properties": {
      "codes": {"description": "Codes of the locks.", "type": "object", "writeOnly": true, "propertyNames": {"minLength": 2}, "additionalProperties": {"type": "string"}, "examples": [{"door": "x"}]},
      "vars": {"description": "Anything.", "type": "object", "examples": [{"a": 1}]},
      "roof": {"description": "The roof.", "type": "object", "additionalProperties": false, "properties": {
        "tiles": {"description": "Number of tiles.", "type": "integer", "examples": [100]}}}}}
  }
}`

// newGarden is the schema of these tests.
func newGarden(t *testing.T) *schema.Schema[garden] {
	t.Helper()
	s, err := schema.New[garden]([]byte(gardenSchema), schema.Options{File: "garden.yml", Program: "Gardener", Sample: "name: rose", YAML11: "shed.vars"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// read reads a file that must be right.
func read(t *testing.T, text string) *garden {
	t.Helper()
	r, err := newGarden(t).Read("garden.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 {
		t.Fatal(r.Problems)
	}
	return r.Value
}

// field is the field of a key that there is.
func field(t *testing.T, key string) schema.Field[garden] {
	t.Helper()
	f, known := newGarden(t).Field(key)
	if !known {
		t.Fatalf("there is no field %s", key)
	}
	return f
}

// full sets every key.
const full = `schema: 1
name: rose
beds: 3
open: false
key: k-secret
plants: [oak]
labels: {team: a}
pond: {depth: 2, fish: 7}
shed:
  codes: {door: "1234"}
  vars: {a: 1, b: {c: [x]}}
  roof: {tiles: 100}
`
