package binding_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/binding"
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

// gardenSchema is the schema of a garden, which the tests of schema have as well.
func gardenSchema(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "schema", "testdata", "garden.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// newGarden is the binding of these tests.
func newGarden(t *testing.T) *binding.Binding[garden] {
	t.Helper()
	b, err := binding.New[garden](gardenSchema(t), schema.Options{File: "garden.yml", Program: "Gardener", Sample: "name: rose", YAML11: "shed.vars"})
	if err != nil {
		t.Fatal(err)
	}
	return b
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
func field(t *testing.T, key string) binding.Field[garden] {
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
