package config

import (
	"bytes"
	_ "embed"
	"sync"

	"github.com/perpetual-ci/perpetual/pkg/config/binding"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

//go:embed schema.json
var schemaText []byte

// Schema returns the JSON schema of perpetual.yml (draft 2020-12), for editors and
// for other programs. Nothing is required in it, because what a file leaves out keeps
// its stored value; check.Config knows what must be there in the end. Beside the standard
// keywords it has patternErrorMessage, x-immutable, x-looked-up (where the default
// comes from) and x-aws (what has no effect without aws).
func Schema() []byte { return bytes.Clone(schemaText) }

// Keys are the keys of perpetual.yml, with their rules and where they are in Config.
func Keys() *binding.Binding[Config] { return keys() }

var keys = sync.OnceValue(func() *binding.Binding[Config] {
	s, err := binding.New[Config](schemaText, schema.Options{File: "perpetual.yml", Program: "Perpetual", Sample: "name: ci", YAML11: "manifest.vars"})
	if err != nil {
		panic(err) // the schema is part of the program, and tests read it
	}
	return s
})
