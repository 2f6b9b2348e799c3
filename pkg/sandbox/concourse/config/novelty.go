// Package config reads and checks pipeline configs as a web node of a release does: those that the
// library of 7.14 knows, and what 8.x has brought.
package config

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/concourse/concourse/atc"
	"sigs.k8s.io/yaml"
)

// Novelties are the parts of a pipeline's config that 8.x has brought and the
// library of 7.14, whose types hold the rest, does not know.
type Novelties struct {
	UserData any              // 8.2.0: user_data, whatever the user likes
	NoReruns map[string]bool  // 8.1.0: disable_reruns, by job
	TTLs     map[string][]any // 8.2.0: of the caches of tasks, by job in the order of walkCaches
}

// parsed is what Parse has made of a text. Nobody changes it.
type parsed struct {
	config atc.Config
	extra  Novelties
}

// reading is a text as a release reads it.
type reading struct {
	digest       [sha256.Size]byte
	at810, at820 bool
}

// read are the configs that were read last: the same ones are set over and over, and to
// read one is much of what a simulated web node computes.
var read = struct {
	mu   sync.Mutex
	list map[reading]parsed
}{list: map[reading]parsed{}}

// maxRead bounds how many are remembered.
const maxRead = 64

// Parse reads a config as the web's release does: an unknown key is an
// error in a job or a resource, and is dropped at the top and inside of a step.
// What it gives is shared: it is not to be changed.
func Parse(text []byte, atLeast func(version string) bool) (atc.Config, Novelties, error) {
	key := reading{sha256.Sum256(text), atLeast("8.1.0"), atLeast("8.2.0")}
	read.mu.Lock()
	p, known := read.list[key]
	read.mu.Unlock()
	if known {
		return p.config, p.extra, nil
	}
	config, extra, err := parse(text, atLeast)
	if err != nil {
		return config, extra, err
	}
	read.mu.Lock()
	defer read.mu.Unlock()
	if len(read.list) >= maxRead {
		clear(read.list)
	}
	read.list[key] = parsed{config, extra}
	return config, extra, nil
}

// parse is Parse of a text that is not remembered.
func parse(text []byte, atLeast func(version string) bool) (config atc.Config, extra Novelties, err error) {
	var tree map[string]any
	if !atLeast("8.1.0") || yaml.Unmarshal(text, &tree) != nil {
		return config, extra, atc.UnmarshalConfig(text, &config)
	}
	extra = Novelties{NoReruns: map[string]bool{}, TTLs: map[string][]any{}}
	if atLeast("8.2.0") {
		extra.UserData = tree["user_data"]
	}
	jobs, _ := tree["jobs"].([]any)
	for _, j := range jobs {
		job, _ := j.(map[string]any)
		name := fmt.Sprint(job["name"])
		if set, given := job["disable_reruns"]; given {
			is, isBool := set.(bool)
			if !isBool {
				return config, extra, fmt.Errorf("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %T into Go struct field JobConfig.jobs.disable_reruns of type bool", set)
			}
			extra.NoReruns[name] = is
			delete(job, "disable_reruns")
		}
		if atLeast("8.2.0") {
			walkCaches(job, func(cache map[string]any) { extra.TTLs[name] = append(extra.TTLs[name], cache["ttl"]) })
		}
	}
	rest, err := yaml.Marshal(tree)
	if err != nil {
		return config, extra, err
	}
	return config, extra, atc.UnmarshalConfig(rest, &config)
}

// Tree is the config as the database gives it back, with what is new as far as
// the web's release knows it.
func Tree(stored atc.Config, extra Novelties, atLeast func(version string) bool) (map[string]any, error) {
	encoded, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := json.Unmarshal(encoded, &tree); err != nil {
		return nil, err
	}
	if extra.UserData != nil && atLeast("8.2.0") {
		tree["user_data"] = extra.UserData
	}
	jobs, _ := tree["jobs"].([]any)
	for _, j := range jobs {
		job := j.(map[string]any)
		name := job["name"].(string)
		if extra.NoReruns[name] && atLeast("8.1.0") {
			job["disable_reruns"] = true
		}
		ttls := extra.TTLs[name]
		walkCaches(job, func(cache map[string]any) {
			if len(ttls) == 0 {
				return
			}
			if ttl := ttls[0]; ttl != nil && ttl != "" && atLeast("8.2.0") {
				cache["ttl"] = ttl
			}
			ttls = ttls[1:]
		})
	}
	return tree, nil
}

// walkCaches visits the caches of tasks, in an order that a config keeps while it
// is stored.
func walkCaches(value any, visit func(cache map[string]any)) {
	switch v := value.(type) {
	case []any:
		for _, e := range v {
			walkCaches(e, visit)
		}
	case map[string]any:
		if config, isTask := v["config"].(map[string]any); isTask && v["task"] != nil {
			caches, _ := config["caches"].([]any)
			for _, c := range caches {
				if cache, isMap := c.(map[string]any); isMap {
					visit(cache)
				}
			}
		}
		for _, key := range []string{"plan", "do", "try", "in_parallel", "steps", "on_success", "on_failure", "on_abort", "on_error", "ensure"} {
			walkCaches(v[key], visit)
		}
	}
}
