// Package config compares the configs of Concourse pipelines: whether two say the
// same, however they are spelled, and what differs. What a newer Concourse knows
// and this program's library does not is compared and kept as it is.
package config

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"slices"

	"github.com/concourse/concourse/atc"
	"sigs.k8s.io/yaml"
)

// Config is the config of a pipeline. The zero value is that of none.
type Config struct {
	encoded []byte          // JSON as it was given
	raw     any             // the tree of encoded
	known   any             // the tree as the library writes it, without what it does not know; nil: it cannot read it
	ignored map[string]bool // keys that are left out of normal
	normal  []byte          // JSON, the same for every spelling of the same pipeline
	keys    map[string]bool // see Keys
}

// Exists says whether there is a config at all.
func (c Config) Exists() bool { return c.normal != nil }

// Same says whether two configs are one and the same pipeline.
func (c Config) Same(other Config) bool { return bytes.Equal(c.normal, other.normal) }

// Parse reads YAML as Concourse does, except for keys: one that only a newer
// Concourse knows is no reason to fail.
func Parse(text []byte) (Config, error) {
	var config atc.Config
	if err := yaml.Unmarshal(text, &config); err != nil {
		return Config{}, err
	}
	encoded, err := yaml.YAMLToJSON(text)
	if err != nil {
		return Config{}, err
	}
	return newConfig(encoded, &config)
}

// Read reads the JSON of a config as the ATC gives it. A config that the library
// cannot read, because it has a new kind of step for example, is compared by
// spelling.
func Read(encoded []byte) (Config, error) {
	config := &atc.Config{}
	if json.Unmarshal(encoded, config) != nil {
		config = nil
	}
	c, err := newConfig(encoded, config)
	if _, isMap := c.raw.(map[string]any); err == nil && !isMap {
		return Config{}, errors.New("the answer holds no config of a pipeline")
	}
	return c, err
}

// newConfig brings a config into the normal form.
func newConfig(encoded []byte, config *atc.Config) (c Config, err error) {
	c.encoded = encoded
	if err := json.Unmarshal(encoded, &c.raw); err != nil {
		return Config{}, err
	}
	if config != nil {
		if c.known, err = roundTrip(config); err != nil {
			return Config{}, err
		}
	}
	return c, c.normalize()
}

// roundTrip does to a config what Concourse's database does to it: empty lists
// vanish, numbers lose their spelling.
func roundTrip(config *atc.Config) (tree any, err error) {
	first, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	var again atc.Config
	if err := json.Unmarshal(first, &again); err != nil {
		return nil, err
	}
	second, err := json.Marshal(again)
	if err != nil {
		return nil, err
	}
	return tree, json.Unmarshal(second, &tree)
}

// Without is the config without keys, each as in Keys, wherever they stand.
func (c Config) Without(keys ...string) (Config, error) {
	c.ignored = map[string]bool{}
	for _, key := range keys {
		c.ignored[key] = true
	}
	return c, c.normalize()
}

// normalize makes normal and keys of the rest.
func (c *Config) normalize() error {
	tree := plain(c.raw)
	if c.known != nil {
		w := walk{ignored: c.ignored, keys: map[string]bool{}}
		tree = w.overlay(clone(c.known), c.raw, reflect.TypeFor[atc.Config](), false)
		c.keys = w.keys
	}
	if top, isMap := tree.(map[string]any); isMap {
		for _, section := range []string{"resources", "resource_types", "prototypes", "var_sources", "jobs"} {
			sortByName(top[section])
		}
	}
	var err error
	c.normal, err = json.Marshal(tree)
	return err
}

// sortByName sorts a list of things with names. Concourse gives resources and
// types sorted by name and jobs in the order in which they were first set, so
// order tells nothing; only that of groups shows, in the web page.
func sortByName(section any) {
	list, _ := section.([]any)
	name := func(e any) string {
		fields, _ := e.(map[string]any)
		text, _ := fields["name"].(string)
		return text
	}
	slices.SortStableFunc(list, func(a, b any) int { return cmp.Compare(name(a), name(b)) })
}

// YAML is the config as it was given, with everything in it.
func (c Config) YAML() ([]byte, error) { return yaml.JSONToYAML(c.encoded) }

// Keys are those that the library does not know and that a Concourse which does
// not know them either drops without a word: at the top, and inside of steps. (Of
// any others it says that they are unknown, and takes nothing.) Each is named by
// where it may stand: TaskCacheConfig.ttl. Keys at the top that only hold YAML
// anchors are among them.
func (c Config) Keys() []string {
	keys := make([]string, 0, len(c.keys))
	for key := range c.keys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
