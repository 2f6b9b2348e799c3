package schema_test

import (
	_ "embed"
	"reflect"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// gardenSchema is that of a file with every kind of value.
//
//go:embed testdata/garden.schema.json
var gardenSchema string

// newGarden is the schema of these tests.
func newGarden(t *testing.T) *schema.Schema {
	t.Helper()
	s, err := schema.New([]byte(gardenSchema), schema.Options{File: "garden.yml", Program: "Gardener", Sample: "name: rose", YAML11: "shed.vars"})
	if err != nil {
		t.Fatal(err)
	}
	s.Order([]string{"schema", "name", "beds", "open", "key", "plants", "labels", "pond.depth", "pond.fish", "shed.codes", "shed.vars", "shed.roof.tiles"})
	return s
}

// read reads a file that must be right.
func read(t *testing.T, text string) map[string]any {
	t.Helper()
	r, err := newGarden(t).Read("garden.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) > 0 {
		t.Fatal(r.Problems)
	}
	return r.Tree
}

// rule is the rule of a key that there is.
func rule(t *testing.T, key string) *schema.Rule {
	t.Helper()
	r := newGarden(t).Rule(key)
	if r == nil {
		t.Fatalf("there is no key %s", key)
	}
	return r
}

// equal compares plain values.
func equal(a, b any) bool { return reflect.DeepEqual(a, b) }
