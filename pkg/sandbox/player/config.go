// Package player plays a pipeline the way Concourse does, as far as pipelines
// of resources go: it checks resources, starts the jobs that new versions
// trigger, and runs each get and put as a process with JSON on stdin.
package player

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// config is the part of a pipeline that is played.
type config struct {
	ResourceTypes []struct {
		Name string `json:"name"` // "perpetual"
	} `json:"resource_types"`
	Resources []resource `json:"resources"`
	Jobs      []job      `json:"jobs"`
}

// resource of a pipeline.
type resource struct {
	Name       string         `json:"name"`        // "components"
	Type       string         `json:"type"`        // "perpetual"
	CheckEvery string         `json:"check_every"` // "10m", "never"
	Source     map[string]any `json:"source"`
}

// job of a pipeline.
type job struct {
	Name          string `json:"name"` // "upgrade"
	Serial        bool   `json:"serial"`
	Interruptible bool   `json:"interruptible"`
	Plan          []step `json:"plan"`
}

// step of a job: a get or a put.
type step struct {
	Get      string         `json:"get"` // "components"
	Put      string         `json:"put"` // "deployment"
	Resource string         `json:"resource"`
	Trigger  bool           `json:"trigger"`
	NoGet    bool           `json:"no_get"`
	Inputs   any            `json:"inputs"`
	Params   map[string]any `json:"params"`
	Passed   []string       `json:"passed"`
}

// resource that the step gets or puts.
func (s step) resource() string {
	switch {
	case s.Resource != "":
		return s.Resource
	case s.Get != "":
		return s.Get
	}
	return s.Put
}

// parse reads a pipeline and refuses what would be played wrongly.
func parse(text []byte) (config, error) {
	var c config
	if err := yaml.Unmarshal(text, &c); err != nil {
		return config{}, fmt.Errorf("parse pipeline: %w", err)
	}
	for _, j := range c.Jobs {
		for _, s := range j.Plan {
			if (s.Get == "") == (s.Put == "") {
				return config{}, fmt.Errorf("parse pipeline: job %s has a step that is neither get nor put", j.Name)
			}
			if len(s.Passed) > 0 {
				return config{}, fmt.Errorf("parse pipeline: job %s uses passed, which is not played", j.Name)
			}
			if _, ok := c.resource(s.resource()); !ok {
				return config{}, fmt.Errorf("parse pipeline: job %s uses the unknown resource %s", j.Name, s.resource())
			}
		}
	}
	return c, nil
}

func (c config) resource(name string) (resource, bool) {
	for _, r := range c.Resources {
		if r.Name == name {
			return r, true
		}
	}
	return resource{}, false
}

// placeholder is a variable that a credential manager fills in.
var placeholder = regexp.MustCompile(`\(\(([-\w./:]+)\)\)`)

// resolve fills in credentials as Concourse does before a step runs. A variable
// without a value is an error, as it is there.
func resolve(value any, credentials map[string]string) (any, error) {
	switch v := value.(type) {
	case string:
		var missing []string
		text := placeholder.ReplaceAllStringFunc(v, func(found string) string {
			name := strings.Trim(found, "()")
			secret, ok := credentials[name]
			if !ok {
				missing = append(missing, name)
			}
			return secret
		})
		if len(missing) > 0 {
			return nil, fmt.Errorf("undefined vars: %s", strings.Join(missing, ", "))
		}
		return text, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, item := range v {
			var err error
			if out[key], err = resolve(item, credentials); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			var err error
			if out[i], err = resolve(item, credentials); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return value, nil
}

// Version is a resource version.
type Version map[string]string

// key tells versions apart.
func (v Version) key() string {
	text, _ := json.Marshal(v) // a map of strings always encodes, with its keys sorted
	return string(text)
}
