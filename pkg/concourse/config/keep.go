package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/concourse/concourse/atc"
	"sigs.k8s.io/yaml"
)

// Keep gives a pipeline the keys of the running one that the library does not know
// and the text does not have: somebody has set them by hand, and a text that is
// made of a template knows nothing of them. Jobs, resources and steps are the same
// when they have the same kind and name. A text to which nothing is added comes
// back as it is.
func Keep(running, text []byte) ([]byte, error) {
	have, err := tree(running)
	if err != nil {
		return nil, fmt.Errorf("parse the running pipeline: %w", err)
	}
	want, err := tree(text)
	if err != nil {
		return nil, fmt.Errorf("parse the pipeline: %w", err)
	}
	if !keep(want, have, reflect.TypeFor[atc.Config]()) {
		return text, nil
	}
	encoded, err := json.Marshal(want)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(encoded)
}

// tree is YAML as JSON has it, with numbers as they are written.
func tree(text []byte) (tree any, err error) {
	encoded, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	return tree, decoder.Decode(&tree)
}

// keep adds to want what is unknown in have, along the library's types, and says
// whether there was any.
func keep(want, have any, t reflect.Type) (kept bool) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == reflect.TypeFor[atc.InParallelConfig]() {
		if steps, isList := want.([]any); isList { // the short form has no place for other keys
			running, _ := long(have).(map[string]any)
			return keep(steps, running["steps"], reflect.TypeFor[[]atc.Step]())
		}
		have = long(have)
	}
	switch running := have.(type) {
	case []any:
		list, _ := want.([]any)
		if t.Kind() != reflect.Slice {
			return false
		}
		partners := byIdentity(running)
		for id, element := range byIdentity(list) {
			if partner, found := partners[id]; found {
				kept = keep(element, partner, t.Elem()) || kept
			}
		}
	case map[string]any:
		fields, isMap := want.(map[string]any)
		types := typesOf(t, fields)
		if !isMap || types == nil {
			return false
		}
		for key, value := range running {
			name, found := match(types, key)
			part, has := fields[name]
			if !found {
				name = key
				_, has = fields[key]
			}
			switch {
			case found && has:
				kept = keep(part, value, types[name]) || kept
			case !found && !has:
				fields[key], kept = value, true
			}
		}
	}
	return kept
}

// long is the long form of in_parallel.
func long(value any) any {
	if steps, isList := value.([]any); isList {
		return map[string]any{"steps": steps}
	}
	return value
}

// byIdentity names the elements of a list by their kind and name, and those that
// share both by their number.
func byIdentity(list []any) map[string]any {
	named, count := map[string]any{}, map[string]int{}
	for _, element := range list {
		id := identity(element)
		count[id]++
		named[fmt.Sprintf("%s %d", id, count[id])] = element
	}
	return named
}

// identity is what tells a job from other jobs, and a step from other steps.
func identity(element any) string {
	fields, _ := element.(map[string]any)
	for _, key := range []string{"task", "put", "get", "run", "set_pipeline", "load_var", "do", "try", "in_parallel", "name", "path"} {
		if value, has := fields[key]; has {
			if name, isText := value.(string); isText {
				return key + " " + name
			}
			return key
		}
	}
	return ""
}
