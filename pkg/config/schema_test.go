package config_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// schemaTree is the schema as a test reads it.
func schemaTree(t *testing.T) map[string]any {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(config.Schema(), &root); err != nil {
		t.Fatal(err)
	}
	return root
}

// jsonTypes are the types that the schema must give to a field's Go type.
var jsonTypes = map[reflect.Type]string{
	reflect.TypeFor[string]():                  "string",
	reflect.TypeFor[int]():                     "integer",
	reflect.TypeFor[*bool]():                   "boolean",
	reflect.TypeFor[secret.Value]():            "string",
	reflect.TypeFor[[]string]():                "array",
	reflect.TypeFor[map[string]string]():       "object",
	reflect.TypeFor[map[string]secret.Value](): "object",
	reflect.TypeFor[map[string]any]():          "object",
}

func TestSchema_hasTheFieldsOfConfig(t *testing.T) {
	var walk func(typ reflect.Type, properties map[string]any, key string)
	walk = func(typ reflect.Type, properties map[string]any, key string) {
		known := map[string]bool{}
		for i := range typ.NumField() {
			f := typ.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if name == "-" {
				continue
			}
			known[name] = true
			at := strings.TrimPrefix(key+"."+name, ".")
			rule, _ := properties[name].(map[string]any)
			if rule == nil {
				t.Errorf("the schema lacks %s", at)
				continue
			}
			if rule["description"] == "" || rule["description"] == nil {
				t.Errorf("%s has no description", at)
			}
			inner := f.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			if want, leaf := jsonTypes[f.Type]; leaf {
				if rule["type"] != want {
					t.Errorf("%s is %v in the schema, and a %v in Config", at, rule["type"], f.Type)
				}
				isSecret := f.Type == reflect.TypeFor[secret.Value]() || f.Type == reflect.TypeFor[map[string]secret.Value]()
				if writeOnly, _ := rule["writeOnly"].(bool); writeOnly != isSecret {
					t.Errorf("%s: writeOnly is %t, and it is a %v", at, writeOnly, f.Type)
				}
			} else if inner.Kind() == reflect.Struct {
				below, _ := rule["properties"].(map[string]any)
				if rule["additionalProperties"] != false {
					t.Errorf("%s takes unknown keys", at)
				}
				walk(inner, below, at)
			} else {
				t.Errorf("%s is a %v, for which there is no rule", at, f.Type)
			}
		}
		for name := range properties {
			if !known[name] {
				t.Errorf("Config lacks %s.%s", key, name)
			}
		}
	}
	properties, _ := schemaTree(t)["properties"].(map[string]any)
	walk(reflect.TypeFor[config.Config](), properties, "")
}

func TestSchema_isOneOfDraft2020AndItsExamplesHold(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(config.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("s.json", document); err != nil {
		t.Fatal(err)
	}
	if _, err := compiler.Compile("s.json"); err != nil {
		t.Fatal(err)
	}
	var walk func(rule map[string]any, pointer string)
	walk = func(rule map[string]any, pointer string) {
		if properties, section := rule["properties"].(map[string]any); section {
			for name, below := range properties {
				walk(below.(map[string]any), pointer+"/properties/"+name)
			}
			return
		}
		schema, err := compiler.Compile("s.json#" + pointer)
		if err != nil {
			t.Fatal(err)
		}
		examples, _ := rule["examples"].([]any)
		if len(examples) == 0 {
			t.Errorf("%s has no example", pointer)
		}
		if standard, there := rule["default"]; there {
			examples = append(examples, standard)
		}
		for _, example := range examples {
			if err := schema.Validate(example); err != nil {
				t.Errorf("%s: the example %v does not hold: %v", pointer, example, err)
			}
		}
	}
	walk(schemaTree(t), "")
}

func TestSchema_cannotBeChangedByItsReader(t *testing.T) {
	config.Schema()[0] = 'x'
	if config.Schema()[0] != '{' {
		t.Error("the reader has changed the schema")
	}
}

func TestSettings_areEveryValueAndListAndNoSecretIsAFlag(t *testing.T) {
	settings := config.Settings()
	at := func(key string) config.Setting {
		i := slices.IndexFunc(settings, func(s config.Setting) bool { return s.Key == key })
		if i < 0 {
			t.Fatalf("there is no setting %s", key)
		}
		return settings[i]
	}
	if got, want := at("workers.instance_types"), (config.Setting{Key: "workers.instance_types", Flag: "workers-instance-types",
		Env: "PERPETUAL_WORKERS_INSTANCE_TYPES", List: true,
		Help: "Instance types of the workers, in order of preference; the first that the zone offers is used"}); got != want {
		t.Errorf("got %+v", got)
	}
	if got := at("auth.github.client_secret"); got.Flag != "" || !got.Secret || got.Env != "PERPETUAL_AUTH_GITHUB_CLIENT_SECRET" {
		t.Errorf("got %+v", got)
	}
	seen := map[string]bool{}
	for _, s := range settings {
		if s.Key == "schema" || strings.HasPrefix(s.Key, "manifest.vars.") || s.Key == "manifest.vars" || s.Key == "aws.tags" || s.Key == "auth.local_users" {
			t.Errorf("%s is a setting", s.Key)
		}
		for _, name := range []string{"--" + s.Flag, s.Env} {
			if name != "--" && seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if s.Help == "" || strings.HasSuffix(s.Help, ".") {
			t.Errorf("%s: help is %q", s.Key, s.Help)
		}
	}
	for i, s := range settings[1:] {
		if s.Secret != (s.Flag == "") {
			t.Errorf("%d %s: secret %t, flag %q", i, s.Key, s.Secret, s.Flag)
		}
	}
}
